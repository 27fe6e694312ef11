import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

import { SyscallError, textAndBytes } from '../sys/error.ts'
import type { LayerForm } from '../sys/layer-form.ts'
import { canHash, UnpackJob, type UnpackEnd, type UnpackWarningCode } from '../sys/unpack.ts'
import type { UnpackWarning as Noted } from '../sys/unpack.ts'
import { resolveLimits, type ArchiveLimits } from './limits.ts'
import type { ArchiveWarning } from './pack.ts'
import { type ProgressOptions, reportInterval } from './progress.ts'
import { tarBytes, tarInput, type TarInput, type TarSource } from './source.ts'

/** What was not made as the tar says. */
export type UnpackWarning = ArchiveWarning<UnpackWarningCode>

/** How a tar becomes a directory. */
export interface UnpackOptions extends ProgressOptions {
  /**
   * How to write down what the layer deletes. Left out: 'plain', that is, the directory is a copy of the layers below, and what
   * the layer deletes is deleted there.
   */
  form?: LayerForm
  /**
   * Directories of the layers below, nearest first, in the same form: a directory that the tar only leads through, without an entry of its own,
   * keeps owner, mode, extended attributes and time that they show. Left out: none, it is 0755 0:0.
   */
  lowers?: readonly string[]
  /** How much the archive may ask for. */
  limits?: ArchiveLimits
  /** What to call the directory in errors. Left out: as it was given. */
  name?: string
}

/** What {@link unpack} made. */
export interface UnpackResult {
  /** Bytes of all files in the tar. */
  readonly size: number
  readonly entries: number
  /** `sha256:` and the digest of the tar, decompressed, as image configurations name layers. */
  readonly diffID: string
  readonly warnings: readonly UnpackWarning[]
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY
/** How many bytes may wait before the source has to. Two wake-ups are needed for half as many. */
const mostWaiting = 4 << 20

/**
 * Unpacks a layer's tar into a directory, by the rules of the OCI image specification: owners, modes, nanosecond times, extended
 * attributes, links and devices exactly, whiteouts in the given form. Whatever the archive says, nothing outside the
 * directory is touched: the way to each entry is resolved as if the directory were the root, and the last part of it is never followed.
 *
 * A directory entry over a directory keeps what is in it; anything else replaces what was there. A whiteout and an entry of one name
 * in one tar, in either order: the entry stays. Missing directories are made, 0755 0:0, or as `lowers` have them. After a failure the
 * directory holds a part of the layer.
 *
 * @param tar plain, or compressed by gzip (or zstd, where Node.js can); read to its end.
 * @throws GraphDriverError ERR_ARCHIVE_* when the archive is refused; SyscallError of the call that failed, with the entry's path; the
 *   signal's reason; what the source throws. The native work has ended then.
 */
export async function unpack(
  directory: string,
  tar: TarSource,
  options: UnpackOptions = {},
): Promise<UnpackResult> {
  const { form = 'plain', lowers, signal, name = directory } = options
  const limits = resolveLimits(options.limits)
  const hash = canHash()
  signal?.throwIfAborted()
  const read = { limits, signal }
  // The job reads a file by itself only if it hashes what it reads.
  const input = hash ? await tarInput(tar, read) : { pieces: tarBytes(tar, read), rest: undefined }
  const target = await open(directory, DIRECTORY)
  let job: UnpackJob
  try {
    job = await UnpackJob.start({ directory: target.fd, path: name, form, lowers, limits, hash })
  } finally {
    await target.close()
  }
  const cancel = (): void => {
    job.cancel()
  }
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    return await feed(job, input, hash, options)
  } finally {
    signal?.removeEventListener('abort', cancel)
  }
}

async function feed(
  job: UnpackJob,
  { pieces, rest }: TarInput,
  hashes: boolean,
  { signal, onProgress }: UnpackOptions,
): Promise<UnpackResult> {
  const hash = hashes ? undefined : (await import('node:crypto')).createHash('sha256')
  const report = (): void => onProgress?.(job.progress())
  const reporting = onProgress && setInterval(report, reportInterval)
  try {
    for await (const piece of pieces) {
      const waiting = job.put(piece)
      if (waiting === undefined) break
      hash?.update(piece)
      if (waiting > mostWaiting) await job.room()
    }
    if (rest !== undefined) job.readFrom(rest.fd)
    const { size, entries, digest = hash?.digest(), warnings } = await job.end()
    if (digest === undefined) throw new SyscallError('ENOMEM', 'malloc')
    report()
    return { size, entries, diffID: `sha256:${digest.toString('hex')}`, warnings: warnings.map(forPeople) }
  } catch (error) {
    job.cancel()
    await settled(job.end())
    // What ends the native work then is no reason of its own.
    signal?.throwIfAborted()
    throw error
  } finally {
    clearInterval(reporting)
  }
}

async function settled(end: Promise<UnpackEnd>): Promise<void> {
  await end.catch(() => undefined)
}

function forPeople({ code, path, about, errno }: Noted): UnpackWarning {
  const { text, bytes } = textAndBytes(path)
  return { code, path: text, ...(bytes && { pathBytes: bytes }), detail: detailOf(code, about, errno) }
}

const aclForm =
  'an access control list is read in the form of the kernel only, as the extended attribute system.posix_acl_…'

function detailOf(code: UnpackWarningCode, about: string, errno: string | undefined): string {
  switch (code) {
    case 'XATTR_DROPPED':
      if (about.startsWith('SCHILY.acl.')) return `${about}: left out: ${aclForm}`
      return `${about}: left out: unions and security modules write it themselves`
    case 'XATTR_REFUSED':
      return `${about}: left out: ${errno ?? ''}`
    case 'DEVICE_REFUSED':
      return `left out: a device that may not be made here: ${errno ?? ''}`
    case 'ROOT_OPAQUE':
      return 'unions show what lower layers have in the root all the same'
    case 'MORE':
      return `${about} more, not listed`
  }
}
