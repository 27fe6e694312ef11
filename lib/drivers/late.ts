/**
 * The functions that work on stores, behind a door: what they need is read from disk at the first call, so that a program which imports the
 * package and only names its types and errors, or prints its own help, does not wait for all of it.
 */

import type { ConvertOptions, ConvertResult } from './convert/index.ts'
import type { ProbeReport } from './driver.ts'
import type { GraphDriver, OpenOptions } from './graph-driver.ts'

/**
 * Opens a store, or makes one. Opening a root twice is fine, in one process or several.
 *
 * @throws TypeError, RangeError for wrong options, before anything is touched.
 * @throws GraphDriverError ERR_DRIVER_UNKNOWN; ERR_DRIVER_NOT_SUPPORTED, ERR_DRIVER_PREREQUISITE, ERR_DRIVER_BACKING_FS (the
 * driver that was named, or all of them, cannot work here, and why); ERR_STORE_OTHER_DRIVER; ERR_STORE_VERSION;
 * ERR_STORE_FOREIGN
 * @throws SyscallError ENOTDIR, EROFS, EACCES, … for a root that cannot be one.
 */
export async function open(options: OpenOptions): Promise<GraphDriver> {
  const late = await import('./open.ts')
  return late.open(options)
}

/**
 * Tries every registered driver on a root, which need not exist, and leaves nothing there.
 *
 * @returns a report a driver, in order of preference; one that is not supported says exactly why.
 * @throws SyscallError where nothing can be tried: EROFS, EACCES, ENOTDIR, …
 */
export async function probe(root: string): Promise<ProbeReport[]> {
  const late = await import('./open.ts')
  return late.probe(root)
}

/**
 * Makes a store of aufs one of overlay, or back: the layers stay where they are, and what they say of deletions is written in the other
 * driver's form. Neither driver has to work on this machine. The same layer gives the same tar before and after, to the byte; only where aufs
 * had a deletion and an entry of one name in one layer, which tars may bring and no kernel makes, the entry stays and a directory hides what is
 * below it. What aufs keeps for itself in a layer (`.wh..wh.aufs`, `.wh..wh.plnk`, …) goes.
 *
 * What has no place in the other form is looked for in all layers before anything is touched. Then each new whiteout is made before the old
 * one goes, so a conversion that was interrupted is finished by running it again, or taken back by converting to the former. Until then
 * the store cannot be opened (ERR_STORE_CONVERTING), and who has it open keeps it from being converted; who only reads it, too, but for a
 * store that was never opened for writing, which has no lock file: see to it that nobody reads one of Docker's meanwhile.
 *
 * aufs takes fewer layers than overlay (127 in most kernels): a chain that is too long for it is converted, and can be flattened.
 *
 * Needs CAP_SYS_ADMIN, or a user namespace (then overlay's attributes are user.*, as in `open`); mknod(2), setxattr(2).
 *
 * @param root absolute path of the store.
 * @throws TypeError, RangeError for wrong arguments.
 * @throws GraphDriverError ERR_STORE_FOREIGN (no store); ERR_STORE_OTHER_DRIVER (one of another driver: vfs); ERR_STORE_IN_USE (somebody
 * has it open, or something of it is mounted); ERR_STORE_CONVERTING (another process is at it); ERR_LAYER_NOT_CONVERTIBLE (the paths
 * are in `detail`); ERR_DRIVER_PREREQUISITE, ERR_DRIVER_BACKING_FS (this process, or the filesystem, cannot write the other form);
 * ERR_STORE_VERSION. SyscallError of the call that failed, with its path; the signal's reason after an abort.
 */
export async function convert(root: string, options: ConvertOptions): Promise<ConvertResult> {
  const late = await import('./convert/index.ts')
  return late.convert(root, options)
}
