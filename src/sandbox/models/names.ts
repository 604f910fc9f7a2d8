/** Tells folders with models from repositories of the Hub by how they are written. */

export const REPOSITORY = /^[\w.-]+(\/[\w.-]+)?$/;

/** `/models/mine`, `./mine`, `../mine`, `~/mine`. */
export const isFolder = (id: string): boolean => /^(~|\.{1,2})?\//.test(id);
