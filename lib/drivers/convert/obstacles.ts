import { join } from 'node:path'
import { type Conversion, findObstacles, type ObstacleFound } from '../../sys/convert.ts'
import { GraphDriverError } from '../../sys/index.ts'
import type { Layout } from '../../store/index.ts'
import { inLanes } from './lanes.ts'

/** Why each of them cannot be converted, after its path. */
const REASONS: Readonly<Record<ObstacleFound['kind'], string>> = {
  device: 'a character device 0:0, which overlay takes for a deletion',
  'reserved-name': 'a name that begins with ".wh.", which aufs takes for a deletion',
  'long-name': 'the deletion of a name of over 251 bytes, which aufs cannot write down',
  'no-whiteout': 'called like a deletion of aufs, and none: no plain file, or without a name behind ".wh."',
  renamed:
    'what aufs writes down of a directory that was renamed (dirren): only aufs knows where its contents are',
  xattr:
    'an extended attribute of overlay, which means another thing in the other form, or that the layer is not whole by itself',
  'file-whiteout':
    'a deletion as a file with an extended attribute (xwhiteouts), which only a nested overlay makes',
}

/** As many paths as an error tells. */
const SHOWN = 100

/**
 * Refuses layers that hold what the other form has no place for.
 *
 * @throws GraphDriverError ERR_LAYER_NOT_CONVERTIBLE: its `detail` has a line for each path, up to a hundred of them.
 */
export async function refuseObstacles(
  layout: Layout,
  ids: readonly string[],
  conversion: Conversion,
  signal: AbortSignal | undefined,
): Promise<void> {
  const found: { id: string; path: string; reason: string }[] = []
  await inLanes(ids, signal, async (id) => {
    for (const { kind, path } of await findObstacles(layout.diff(id), conversion)) {
      found.push({ id, path: join(layout.diff(id), path.toString()), reason: REASONS[kind] })
    }
  })
  found.sort((one, other) => (one.path < other.path ? -1 : 1))
  const [first] = found
  if (first === undefined) return
  const lines = found.slice(0, SHOWN).map(({ path, reason }) => `${path}: ${reason}`)
  const more = found.length > 1 ? ` (and ${String(found.length - 1)} more, see detail)` : ''
  throw new GraphDriverError(
    'ERR_LAYER_NOT_CONVERTIBLE',
    `layer "${first.id}" cannot be converted, and nothing was: ${first.path} is ${first.reason}${more}`,
    { id: first.id, path: first.path, detail: lines.join('\n') },
  )
}
