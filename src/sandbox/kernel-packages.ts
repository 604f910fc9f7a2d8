/** The Python packages of rented machines: what a Jupyter server needs, and sets for kernels. */

/** What every sandbox needs to be a Jupyter server with a Python kernel. */
export const SERVER_PACKAGES = [
  'jupyterlab>=4.4,<5',
  'jupyter_server>=2.15,<3',
  'ipykernel>=6.29,<8',
];

const BASICS = ['numpy', 'pandas', 'matplotlib'];
const TORCH = [
  'torch>=2.6,<3',
  'transformers>=4.51,<6',
  'peft>=0.15,<1',
  'accelerate>=1.6,<2',
  'safetensors>=0.5,<1',
  'einops',
  'datasets',
  'scikit-learn',
  'scipy',
  'seaborn',
  'plotly',
];

/** What comes with a kernel when nobody says it; a set for each kind of work. */
export const KERNEL_PACKAGES: Readonly<Record<'minimal' | 'api' | 'torch', readonly string[]>> = {
  minimal: [],
  api: [...BASICS, 'httpx', 'openai>=1.60,<3', 'plotly', 'scikit-learn', 'scipy'],
  torch: [...BASICS, ...TORCH],
};
