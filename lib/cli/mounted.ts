import type { LayeredDriver } from '../drivers/layered.ts'
import type { GraphDriver } from '../index.ts'
import { list } from '../mount/index.ts'

/**
 * Where a layer is seen in this mount namespace: its union, and views of it. A view is named after its layer, with 128 random bits behind
 * a full stop.
 */
export async function mountPointsOf(root: string, id: string): Promise<string[]> {
  const views = `${root}/views/${id}.`
  const isView = (path: string): boolean =>
    path.startsWith(views) && /^[0-9a-f]{32}$/.test(path.slice(views.length))
  const points = (await list({ prefix: root })).map((entry) => entry.mountPoint)
  return points.filter((path) => path === `${root}/mnt/${id}` || isView(path))
}

/** What every store that `open` answers can do, and programs need not: leave a mount that nobody holds. */
type Leaver = Pick<LayeredDriver, 'leave' | 'putAsFound'>

/** Gives the references to a layer back and leaves its mount. */
export async function leaveMounted(driver: GraphDriver, id: string): Promise<void> {
  await (driver as unknown as Leaver).leave(id)
}

/** Gives a reference back; a mount that was there before stays. */
export async function putAsFound(driver: GraphDriver, id: string): Promise<void> {
  await (driver as unknown as Leaver).putAsFound(id)
}
