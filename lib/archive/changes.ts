import { setImmediate as turn } from 'node:timers/promises'

import { invalidValue } from '../sys/arguments.ts'
import {
  type ChangeJudge,
  type ChangeKind,
  changeKinds,
  ChangesField as Field,
  Views,
} from '../sys/changes.ts'
import { textAndBytes } from '../sys/error.ts'
import type { LayerForm } from '../sys/layer-form.ts'
import type { FlatTable } from '../sys/native.ts'

/** What became of one path. */
export interface Change {
  /** From the root of the view: `/etc/passwd`. */
  readonly path: string
  /** The path's bytes, exactly when they are no UTF-8. */
  readonly pathBytes?: Buffer
  readonly kind: ChangeKind
}

/** What is compared with what. */
export interface ChangesOptions {
  /** Directories of the layers that make the new view, top first. */
  layers: readonly string[]
  /** Directories of the layers that make the old view, top first; none for an empty one. */
  parents: readonly string[]
  /** How the layers write down what is gone. Left out: 'plain', nothing has a special meaning. */
  form?: LayerForm
  /**
   * `touched`: `layers` is one layer and then `parents`; what that layer holds was added or modified, and is not looked at. `exact`: each
   * pair of files is looked at.
   */
  judge: ChangeJudge
  signal?: AbortSignal
}

/** Rows that become objects before others get their turn. */
const BATCH = 4000

/** Most names have none of these. */
const beyondAscii = /[\u0080-\uffff]/

function changeOf(latin1: string, kind: ChangeKind): Change {
  if (!beyondAscii.test(latin1)) return { path: latin1, kind }
  const { text, bytes } = textAndBytes(Buffer.from(latin1, 'latin1'))
  return bytes === undefined ? { path: text, kind } : { path: text, pathBytes: bytes, kind }
}

async function changesOf({ rows, text }: FlatTable, signal: AbortSignal | undefined): Promise<Change[]> {
  const changes: Change[] = []
  for (let at = 0; at < rows.length; at += Field.row) {
    const kind = changeKinds[rows[at + Field.kind] ?? 0]
    if (kind === undefined) continue
    changes.push(changeOf(text.slice(rows[at + Field.start], rows[at + Field.end]), kind))
    if (changes.length % BATCH === 0) {
      await turn()
      signal?.throwIfAborted()
    }
  }
  return changes
}

function viewsOf({ layers, parents, form = 'plain', judge }: ChangesOptions): Views {
  if (layers.length === 0) throw invalidValue('layers', 'must not be empty', layers)
  if (judge === 'exact') return new Views({ now: layers, before: parents, form, judge })
  const below = layers.slice(1)
  if (below.length !== parents.length || below.some((layer, index) => layer !== parents[index])) {
    throw invalidValue('parents', 'must be the layers below the first one', parents)
  }
  return new Views({ now: layers.slice(0, 1), before: parents, form, judge })
}

/** Runs native work; an abort ends it. */
async function run<T>(views: Views, work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const cancel = (): void => {
    views.cancel()
  }
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    return await work
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', cancel)
  }
}

/**
 * What the new view adds, modifies and deletes against the old one.
 *
 * A directory is modified when an entry was added to it or deleted from it, or when its own mode, owner or extended attributes differ, and
 * never for its times alone; the root never is. What changes its type is modified, and all in a directory that was none before is added. A
 * deletion is one path, whatever was below it. Hard links count as files of their own. Sockets, which no layer can hold, are not seen.
 *
 * @returns in the order of a layer's tar: a directory, what was deleted in it, by bytes, then its entries, by bytes and depth first.
 * @throws SyscallError of the call that failed, with its path (ENOENT, ENOTDIR, EACCES, EMFILE, ESTALE when a layer was exchanged meanwhile);
 * the signal's reason after an abort.
 */
export async function changes(options: ChangesOptions): Promise<Change[]> {
  const { signal } = options
  signal?.throwIfAborted()
  const views = viewsOf(options)
  const table = await run(views, views.changes(), signal)
  return changesOf(table, signal)
}

/**
 * Bytes in the files and links that the new view adds or modifies, each inode once; links count their length. Directories, devices,
 * whiteouts and what a union writes down for itself count nothing, and neither does a file that vanishes meanwhile.
 *
 * @throws as {@link changes}.
 */
export async function diffSize(options: ChangesOptions): Promise<number> {
  const { signal } = options
  signal?.throwIfAborted()
  const views = viewsOf(options)
  // All that one layer holds: nothing needs to be compared.
  const whole = options.judge === 'touched' || (options.layers.length === 1 && options.parents.length === 0)
  return run(views, whole ? views.layerSize() : views.changedSize(), signal)
}
