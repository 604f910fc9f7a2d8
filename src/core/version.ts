/** The version of Glovebox. A test holds it equal to package.json and the plugin's manifests. */
export const VERSION = '0.1.0';
