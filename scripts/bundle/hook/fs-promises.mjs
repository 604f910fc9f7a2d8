/**
 * Stands in for `node:fs/promises` in the bundle of the hook: direct system calls take microseconds each, where loading the module and a
 * trip to its threads take milliseconds. Nothing else goes on in that process that could wait for them.
 */
import {
  accessSync,
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  statfsSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  promises,
} from 'node:fs';

export { constants } from 'node:fs';
export const access = async (...args) => accessSync(...args);
export const chmod = async (...args) => chmodSync(...args);
export const copyFile = async (...args) => copyFileSync(...args);
export const link = async (...args) => linkSync(...args);
export const lstat = async (...args) => lstatSync(...args);
export const mkdir = async (...args) => mkdirSync(...args);
export const readFile = async (...args) => readFileSync(...args);
export const readdir = async (...args) => readdirSync(...args);
export const realpath = async (...args) => realpathSync(...args);
export const rename = async (...args) => renameSync(...args);
export const rm = async (...args) => rmSync(...args);
export const stat = async (...args) => statSync(...args);
export const statfs = async (...args) => statfsSync(...args);
export const unlink = async (...args) => unlinkSync(...args);
export const utimes = async (...args) => utimesSync(...args);
export const writeFile = async (...args) => writeFileSync(...args);
/** A file that stays open is the real thing. */
export const open = (...args) => promises.open(...args);
