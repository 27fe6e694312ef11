import type { FileHandle } from 'node:fs/promises'
import { resolve } from 'node:path'
import { packDifferenceJob } from '../sys/changes.ts'
import type { PackJob } from '../sys/pack.ts'
import type { ChangesOptions } from './changes.ts'
import { drive, type PackOptions, type PackResult, PackStream } from './pack.ts'
import type { ProgressOptions } from './progress.ts'

/** Two views, and how their difference is written. */
export type PackDifferenceOptions = Omit<ChangesOptions, 'judge' | 'signal'> &
  Pick<PackOptions, 'times'> &
  ProgressOptions

/** A job for the difference of two views; nothing is read yet. */
export function startPackingDifference(options: PackDifferenceOptions): PackJob {
  const { layers, parents, form = 'plain', times = 'exact', signal } = options
  signal?.throwIfAborted()
  return packDifferenceJob({
    now: layers.map((layer) => resolve(layer)),
    before: parents.map((layer) => resolve(layer)),
    form,
    wholeSeconds: times === 'seconds',
  })
}

/**
 * What makes the new view of the old one, as a tar by the rules of OCI layers: each directory, the whiteouts of what was deleted in it, by bytes,
 * and then its entries, by bytes and depth first. The views are compared exactly (see `changes`); directories on the way to a change are in
 * the tar with their attributes, since whoever unpacks it would make them up otherwise. Of a file with several names all are in the tar when
 * one of them changed, or when they are joined in another way than before. The root has an entry (`./`) only when its owner, mode or extended
 * attributes differ.
 *
 * The layers are compared twice, the first time for what is joined to what. Attributes, times and names are written as by `pack`. Sockets are
 * left out with a warning; what one took the place of is deleted.
 *
 * @throws SyscallError ENOMEM; later failures destroy the stream, with the path of the file.
 */
export function packDifference(options: PackDifferenceOptions): PackStream {
  return new PackStream(startPackingDifference(options), options)
}

/**
 * As {@link packDifference}, straight into an open file, pipe or socket, from where it stands; nothing passes through JavaScript.
 * What was written before a failure stays written.
 *
 * @throws SyscallError of the call that failed; ENOSPC, EPIPE, … when it was the writing.
 */
export async function packDifferenceTo(to: FileHandle, options: PackDifferenceOptions): Promise<PackResult> {
  return drive(startPackingDifference(options), to, options)
}
