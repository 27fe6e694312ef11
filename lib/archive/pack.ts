import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { textAndBytes } from '../sys/error.ts'
import type { LayerForm } from '../sys/layer-form.ts'
import { PackJob, type PackWarningCode } from '../sys/pack.ts'
import { type Progress, type ProgressOptions, supervise } from './progress.ts'

/** What a tar could not hold, or not as it was. */
export interface ArchiveWarning<Code extends string = string> {
  readonly code: Code
  /** As in the tar: from the root of the tree, without a slash before it. */
  readonly path: string
  /** The path's bytes, exactly when they are no UTF-8. */
  readonly pathBytes?: Buffer
  /** For people: what happened. */
  readonly detail: string
}

/** What was noticed while a tar was made. */
export type PackWarning = ArchiveWarning<PackWarningCode>

/** How a directory becomes a tar. */
export interface PackOptions extends ProgressOptions {
  /** How the directory writes down what is gone. Left out: 'plain', nothing has a special meaning. */
  form?: LayerForm
  /**
   * A directory whose owner, mode and extended attributes the root has unless it gets an entry of its own. Left out: 0755, 0:0 and none.
   */
  parent?: string
  /** 'exact' (the default): times to the nanosecond. 'seconds': cut to whole seconds, as Docker and containerd write them. */
  times?: 'exact' | 'seconds'
  /** What to call the directory in errors. Left out: as it was given. */
  name?: string
}

/** What {@link packTo} wrote. */
export interface PackResult {
  /** Bytes of the tar. */
  readonly size: number
  readonly entries: number
  readonly warnings: readonly PackWarning[]
}

const details: Readonly<Record<PackWarningCode, string>> = {
  SOCKET: 'left out: a tar cannot hold a socket',
  FILE_SHRANK: 'became shorter while it was read: zeros stand for what was gone',
  FILE_GREW: 'became longer while it was read: what came is left out',
  VANISHED: 'left out: it was gone when it was to be read',
  CHANGED: 'left out: it became something else each time it was to be read',
  RESERVED_NAME: 'left out: where the tar is unpacked, it would delete something',
  MOUNT_POINT: 'something is mounted there: its contents are left out',
}

function warningsOf(job: PackJob): PackWarning[] {
  return job.warnings().map(({ code, path }) => {
    const { text, bytes } = textAndBytes(path)
    return { code, path: text, ...(bytes && { pathBytes: bytes }), detail: details[code] }
  })
}

/** A tar as it is made: blocks of up to a mebibyte. Ending it early ends the work. */
export class PackStream extends Readable {
  readonly #job: PackJob
  readonly #options: ProgressOptions

  /**
   * @internal Streams come from `pack` and `packDifference`.
   * @param job belongs to the stream from here on.
   */
  constructor(job: PackJob, options: ProgressOptions = {}) {
    // One block is being consumed, the next is ready; the job itself is a few ahead.
    super({ highWaterMark: 2 << 20 })
    this.#job = job
    this.#options = options
    options.signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /** Not the stream's own way, which makes an AbortError of the reason. */
  readonly #abort = (): void => {
    this.destroy(this.#options.signal?.reason as Error)
  }

  /** How far the tar is: what was made, not what was read. */
  get progress(): Progress {
    return this.#job.progress()
  }

  /** What was noticed up to now; complete once the stream has ended. */
  get warnings(): readonly PackWarning[] {
    return warningsOf(this.#job)
  }

  /** @internal */
  override _read(): void {
    this.#job.next().then(
      (block) => {
        if (this.destroyed) return
        this.#options.onProgress?.(this.progress)
        this.push(block ?? null)
      },
      (error: unknown) => {
        if (!this.destroyed) this.destroy(error as Error)
      },
    )
  }

  /** @internal */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#job.cancel()
    done(error)
  }
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY

/** A job for the tree of a directory; nothing is read yet. */
export async function startPacking(directory: string, options: PackOptions): Promise<PackJob> {
  options.signal?.throwIfAborted()
  const { form = 'plain', times = 'exact' } = options
  const tree = await open(directory, DIRECTORY)
  try {
    const parent = options.parent === undefined ? undefined : await open(options.parent, DIRECTORY)
    try {
      return PackJob.tree({
        directory: tree.fd,
        path: options.name ?? directory,
        form,
        wholeSeconds: times === 'seconds',
        ...(parent && { parent: parent.fd }),
      })
    } finally {
      await parent?.close()
    }
  } finally {
    await tree.close()
  }
}

/**
 * The tree of a directory as a tar (POSIX pax), by the rules of OCI layers: names by bytes, depth first, each directory followed by its
 * opaque marker and its whiteouts. The same tree gives the same bytes, in whatever order it was written. The root has an entry (`./`) only
 * when its owner, mode or extended attributes are not those of `parent`.
 *
 * Times are exact to the nanosecond, extended attributes are `SCHILY.xattr.*` records of raw bytes; sockets are left out with a warning. What
 * a union writes down for itself (`trusted.overlay.*`, `user.overlay.*`, `trusted.aufs.*`), `security.selinux`, and what xfs lists a second
 * time (`trusted.SGI_ACL_*`) stays behind. No link is followed, nothing that is mounted below is entered.
 *
 * @throws SyscallError (ENOENT, ENOTDIR, EACCES, EMFILE) when the directory cannot be opened; later failures destroy the stream.
 */
export async function pack(directory: string, options: PackOptions = {}): Promise<PackStream> {
  return new PackStream(await startPacking(directory, options), options)
}

/**
 * As {@link pack}, straight into an open file, pipe or socket, from where it stands; nothing passes through JavaScript.
 * What was written before a failure stays written.
 *
 * @throws SyscallError of the call that failed; ENOSPC, EPIPE, … when it was the writing.
 */
export async function packTo(
  directory: string,
  to: FileHandle,
  options: PackOptions = {},
): Promise<PackResult> {
  return drive(await startPacking(directory, options), to, options)
}

/** Runs a job into a file; an abort ends it. */
export async function drive(
  job: PackJob,
  to: FileHandle,
  options: ProgressOptions = {},
): Promise<PackResult> {
  const size = await supervise(job, options, () => job.into(to.fd))
  return { size, entries: job.progress().entries, warnings: warningsOf(job) }
}
