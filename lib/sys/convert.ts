import { binding } from './binding.ts'
import { SyscallError } from './error.ts'
import { layerForms } from './layer-form.ts'
import type { Path, TreeFailure } from './native.ts'

/** The form of overlay that a layer is converted to or from. */
export type OverlayForm = 'overlay' | 'overlay-user'

/** Which way. */
export interface Conversion {
  overlay: OverlayForm
  to: 'aufs' | 'overlay'
}

/** What the other form has no place for, in the order of the addon's numbers (native/convert.h). */
export const obstacles = [
  'device',
  'reserved-name',
  'long-name',
  'no-whiteout',
  'renamed',
  'xattr',
  'file-whiteout',
] as const

/** What the other form has no place for. */
export interface ObstacleFound {
  kind: (typeof obstacles)[number]
  /** Relative to the layer; empty for its root. */
  path: Buffer
}

function failed({ errno, syscall, path }: TreeFailure, layer: Path): SyscallError {
  const root = Buffer.from(layer as string)
  const where = path.length === 0 ? root : Buffer.concat([root, Buffer.from('/'), path])
  return new SyscallError(errno, syscall, { path: where })
}

/**
 * What of a layer's own directory stands in the way of its conversion; the first thousand. Writes nothing.
 *
 * @throws SyscallError of the call that failed, with its path; EXDEV where something is mounted.
 */
export async function findObstacles(layer: Path, { overlay, to }: Conversion): Promise<ObstacleFound[]> {
  const answer = await binding().findObstacles(layer, layerForms[overlay], to === 'aufs')
  if ('errno' in answer) throw failed(answer, layer)
  const { rows, text } = answer
  const found: ObstacleFound[] = []
  for (let at = 0; at < rows.length; at += 3) {
    const kind = obstacles[rows[at] ?? 0]
    if (kind === undefined) continue
    found.push({ kind, path: Buffer.from(text.slice(rows[at + 1], rows[at + 2]), 'latin1') })
  }
  return found
}

/** What became of a layer. */
export interface Converted {
  whiteouts: number
  /** Directories that hide everything below. */
  opaque: number
  /** Files and directories of aufs's own bookkeeping that are gone. */
  dropped: number
}

/**
 * Converts a layer's own directory where it is: each new whiteout is there before the old one goes, and directories keep their times. What was
 * left half-way, in either direction, is finished.
 *
 * @throws SyscallError of the call that failed, with its path.
 */
export async function convertLayer(layer: Path, { overlay, to }: Conversion): Promise<Converted> {
  const answer = await binding().convertLayer(layer, layerForms[overlay], to === 'aufs')
  if ('errno' in answer) throw failed(answer, layer)
  const [whiteouts, opaque, dropped] = answer
  return { whiteouts: Number(whiteouts), opaque: Number(opaque), dropped: Number(dropped) }
}
