/** Whether a folder is on a disk of this machine. */
import { statfs } from 'node:fs/promises';

/** `f_type` of the Linux file systems that are local, from `statfs(2)`. */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x2fc12fc1, // zfs
  0xf2f52010, // f2fs
  0xca451a4e, // bcachefs
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0x794c7630, // overlayfs
]);

/** False when nobody can tell: then it may be a network file system. */
export async function isLocalFileSystem(folder: string): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  try {
    return LOCAL.has((await statfs(folder)).type);
  } catch {
    return false;
  }
}
