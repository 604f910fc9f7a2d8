/** What a Job runs in when a call does not say it, and which images are trusted with the user's token. Pure. */

export const UV_IMAGE = 'ghcr.io/astral-sh/uv:python3.12-bookworm';
const PYTHON_IMAGE = 'python:3.12';

export const defaultImage = (hasScript: boolean): string => (hasScript ? UV_IMAGE : PYTHON_IMAGE);

/** Images that are given the Hub token without being asked to. */
export const mayInherit = (image: string): boolean =>
  image === UV_IMAGE || image === PYTHON_IMAGE || image.startsWith('huggingface/');
