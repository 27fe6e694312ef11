import { join } from 'node:path'
import type { Stack } from '#lib/drivers/driver.js'
import type { OverlayFeatures } from '#lib/drivers/overlay/plan.js'

/** A kernel that can do everything. */
export const modern: OverlayFeatures = { pageSize: 4096, lowerdirPlus: true, layerDescriptors: true }

/** The layer `ids[0]` above the others, the nearest first, in a root. */
export function stackOf(root: string, ids: readonly string[]): Stack {
  const paths = ids.map((id) => ({
    id,
    diff: join(root, 'diff', id),
    target: join(root, 'mnt', id),
    own: (directory: string) => join(root, directory, id),
  }))
  const [layer, ...ancestors] = paths
  return { layer: layer!, ancestors, lowers: ancestors.map(({ diff }) => diff) }
}

/** `count` ids: `l0` above `l1` above `l2` and so on. */
export function idsOf(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `l${String(at)}`)
}
