import { binding } from './binding.ts'
import { SyscallError } from './error.ts'
import { layerForms, type LayerForm } from './layer-form.ts'
import type { FlatTable, NativeHandle, Path, TreeFailure } from './native.ts'
import { PackJob } from './pack.ts'

/**
 * How two views are compared.
 *
 * - `touched`: the new view is one layer on top of the old one; what that layer holds was added or modified. No file is looked at.
 * - `exact`: each pair of files is looked at: type, mode, owner, device, size, time to the nanosecond, target of a link, extended
 *   attributes.
 */
export type ChangeJudge = 'touched' | 'exact'

/** The addon's numbers (native/compare.h). */
const judges: Readonly<Record<ChangeJudge, number>> = { touched: 0, exact: 1 }

/** What became of a path. */
export type ChangeKind = 'added' | 'modified' | 'deleted'

/** By the addon's numbers (native/compare.h). */
export const changeKinds: readonly ChangeKind[] = ['modified', 'added', 'deleted']

/** Offsets in one row of a table of changes. */
export const ChangesField = { kind: 0, start: 1, end: 2, row: 3 } as const

/** Two views, each a stack of layer directories, top first. */
export interface ViewsOptions {
  /** Where the judge is `touched`: the one layer. */
  now: readonly Path[]
  /** May be empty: nothing was there. */
  before: readonly Path[]
  form: LayerForm
  judge: ChangeJudge
}

function wordsOf(paths: readonly Path[]): Uint8Array {
  return Buffer.concat(paths.map((path) => Buffer.concat([Buffer.from(path as string), Buffer.of(0)])))
}

/** Answers the value, or throws with the path that the addon names. */
function valueOf<T extends object | number>(answer: T | TreeFailure): T {
  if (typeof answer !== 'object' || !('errno' in answer)) return answer
  const { errno, syscall, path } = answer
  throw new SyscallError(errno, syscall, path.length === 0 ? {} : { path })
}

/**
 * Unions of directories as they would show when they were mounted, seen without a mount. Links are not followed, other mounts not entered,
 * and sockets, which no layer can hold, not seen.
 */
export class Views {
  readonly #handle: NativeHandle<'views'>

  /**
   * Reads nothing yet.
   *
   * @throws SyscallError ENOMEM
   */
  constructor(options: ViewsOptions) {
    const { now, before, form, judge } = options
    const handle = binding().viewsOfSync(wordsOf(now), wordsOf(before), layerForms[form], judges[judge])
    if (typeof handle === 'number') throw new SyscallError(handle, 'malloc')
    this.#handle = handle
  }

  /**
   * What differs: rows of `ChangesField`, a directory before what is in it, then what was deleted in it, by bytes, then its entries, by
   * bytes and depth first.
   *
   * @throws SyscallError of the call that failed, with its path: ENOENT, ENOTDIR (a layer that is no directory), EACCES, EMFILE;
   * ESTALE (a layer was exchanged meanwhile); EOVERFLOW (more than 256 MiB of paths); ECANCELED after `cancel`.
   */
  async changes(): Promise<FlatTable> {
    return valueOf(await binding().viewChanges(this.#handle))
  }

  /**
   * Bytes in the files and links that were added or modified, each inode once.
   *
   * @throws SyscallError as `changes`.
   */
  async changedSize(): Promise<number> {
    return valueOf(await binding().viewChangedSize(this.#handle))
  }

  /**
   * Bytes in the files and links of the first directory of `now`, each inode once: directories, devices, whiteouts and what a union
   * writes down for itself count nothing.
   *
   * @throws SyscallError as `changes`.
   */
  async layerSize(): Promise<number> {
    return valueOf(await binding().viewLayerSize(this.#handle))
  }

  /** Ends what is under way soon. */
  cancel(): void {
    binding().viewsCancelSync(this.#handle)
  }
}

/** The addon's bit for times cut to whole seconds. */
const wholeSecondsBit = 1

/**
 * Makes ready to write as a tar what differs between two views, compared exactly; reads nothing yet. The paths must be absolute.
 *
 * @throws SyscallError ENOMEM
 */
export function packDifferenceJob(
  options: Omit<ViewsOptions, 'judge'> & { wholeSeconds?: boolean },
): PackJob {
  const { now, before, form, wholeSeconds = false } = options
  const flags = wholeSeconds ? wholeSecondsBit : 0
  const handle = binding().packDifferenceSync(wordsOf(now), wordsOf(before), layerForms[form], flags)
  // Failures name the whole path.
  return new PackJob(handle, '')
}
