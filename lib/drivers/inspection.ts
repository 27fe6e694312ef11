import { readdir } from 'node:fs/promises'
import { list as listMounts } from '../mount/index.ts'
import type { Mount } from '../mount/plan.ts'
import {
  inTurns,
  isLayerId,
  type Layout,
  present,
  readIntents,
  surveyLayers,
  unless,
} from '../store/index.ts'
import { GraphDriverError, statfs } from '../sys/index.ts'
import type { Driver } from './driver.ts'
import { filesystemName } from './filesystems.ts'
import type { DriverInfo, LayerInfo, LayerLayout, MountsOptions } from './graph-driver.ts'
import { readStack } from './session.ts'

/** What looking at a store needs: no locks, no kernel. */
export interface Inspected {
  readonly layout: Layout
  readonly driver: Driver
  readonly features: Readonly<Record<string, string>>
  /** Whether this instance holds a layer. */
  readonly holds: (id: string) => boolean
  /** Which of these layers another instance holds; none where there are no locks to ask. */
  readonly heldElsewhere: (ids: readonly string[]) => Promise<ReadonlySet<string>>
}

/** All layers and what is no layer any more, sorted by bytes. */
export async function listLayers(inspected: Inspected): Promise<LayerInfo[]> {
  const { layout, holds } = inspected
  const surveyed = await surveyLayers(layout)
  const ids = surveyed.map(({ id }) => id)
  const mounted = await mountedIds(layout)
  const elsewhere = await inspected.heldElsewhere(ids)
  const contents = await unless(readdir(layout.directory('diff')), ['ENOENT'], [])
  const layers = new Map<string, LayerInfo>()
  await inTurns(surveyed, ({ id, parent, corrupt }) => {
    const [isMounted, held] = [mounted.has(id), holds(id)]
    const layer: LayerInfo = {
      id,
      children: [],
      mounted: isMounted,
      held,
      inUse: isMounted || held || elsewhere.has(id),
    }
    if (parent !== undefined) layer.parent = parent
    if (corrupt) layer.fault = 'corrupt'
    layers.set(id, layer)
  })
  const sorted = [...layers.values()].sort(byId)
  await inTurns(sorted, ({ id, parent }) => {
    if (parent !== undefined) layers.get(parent)?.children.push(id)
  })
  const full = new Set(contents)
  for (const layer of sorted) {
    if (!full.has(layer.id) && (await hasLostContents(layout, layer.id))) layer.fault = 'corrupt'
  }
  const orphans = (await orphansOf(layout, ids, contents)).map((id): LayerInfo => {
    const isMounted = mounted.has(id)
    return { id, children: [], mounted: isMounted, held: false, inUse: isMounted, fault: 'orphan' }
  })
  return orphans.length === 0 ? sorted : [...sorted, ...orphans].sort(byId)
}

function byId(one: LayerInfo, other: LayerInfo): number {
  return one.id < other.id ? -1 : 1
}

/** Metadata without contents. Asked in this order: a removal takes the metadata first, and a creation makes it last. */
async function hasLostContents(layout: Layout, id: string): Promise<boolean> {
  const missing = async (): Promise<boolean> => !(await present(layout.diff(id)))
  return (await missing()) && (await present(layout.metadata(id))) && (await missing())
}

/**
 * Contents without metadata: nobody's, until somebody says so.
 *
 * @param contents the names in `diff/`, read after the ids.
 */
export async function orphansOf(
  layout: Layout,
  ids: readonly string[],
  contents: readonly string[],
): Promise<string[]> {
  const known = new Set(ids)
  const strangers = contents.filter((name) => !known.has(name) && isLayerId(name))
  if (strangers.length === 0) return []
  const unfinished = new Set((await readIntents(layout)).map(({ id }) => id))
  const orphans: string[] = []
  for (const id of strangers) {
    // A layer that was made after the ids were read has its metadata by now, or its intent.
    if (!unfinished.has(id) && !(await present(layout.metadata(id))) && (await present(layout.diff(id)))) {
      orphans.push(id)
    }
  }
  return orphans
}

/** The layers whose mount points something is mounted at, in this mount namespace. */
async function mountedIds(layout: Layout): Promise<Set<string>> {
  const directory = `${layout.directory('mnt')}/`
  const mounts = await unless(
    listMounts({ prefix: layout.directory('mnt') }),
    ['ERR_UNSUPPORTED_PLATFORM'],
    [],
  )
  return new Set(
    mounts
      .map((entry) => entry.mountPoint)
      .filter((path) => path.startsWith(directory))
      .map((path) => path.slice(directory.length))
      .filter(isLayerId),
  )
}

export async function inspect(inspected: Inspected): Promise<DriverInfo> {
  const { layout, driver } = inspected
  const layers = await listLayers(inspected)
  const real = layers.filter((layer) => layer.fault !== 'orphan')
  const details = await driver.details?.()
  return {
    driver: driver.name,
    root: layout.root,
    backingFilesystem: filesystemName((await statfs(layout.root)).type),
    layers: real.length,
    mounted: real.filter((layer) => layer.mounted).length,
    held: real.filter((layer) => layer.held).length,
    orphans: layers.filter((layer) => layer.fault === 'orphan').map((layer) => layer.id),
    features: { ...inspected.features, ...details?.rows },
    ...(details?.aufs && { aufs: details.aufs }),
  }
}

/** The same for people; Docker's labels where it had them. */
export function statusRows(info: DriverInfo): [label: string, value: string][] {
  return [
    ['Driver', info.driver],
    ['Root Dir', info.root],
    ['Backing Filesystem', info.backingFilesystem],
    ['Layers', String(info.layers)],
    ['Mounted', String(info.mounted)],
    ['Held Here', String(info.held)],
    ['Orphans', info.orphans.length === 0 ? 'none' : info.orphans.join(', ')],
    ...Object.entries(info.features),
  ]
}

/** The mount of a layer as data; a directory that needs no union as the bind mount that shows it. */
export async function mountsOf(
  inspected: Inspected,
  id: string,
  options: MountsOptions,
  frozen: boolean,
): Promise<Mount[]> {
  const stack = await readStack(inspected.layout, id)
  const readOnly = options.readOnly === true || frozen
  const label = options.mountLabel === undefined ? {} : { label: options.mountLabel }
  const { driver } = inspected
  if (readOnly && stack.lowers.length >= driver.maxLowers) {
    throw new GraphDriverError(
      'ERR_TOO_MANY_LAYERS',
      `read-only, layer "${id}" would be one more lower directory than the ${String(driver.maxLowers)} that ${driver.name} takes; ` +
        `get() with { readOnly: true } shows it all the same`,
      { id },
    )
  }
  const plan = driver.plan(stack, { readOnly, ...label })
  if (plan !== undefined) return plan.mounts.map((mount) => ({ ...mount, options: [...mount.options] }))
  const standIn = await driver.standIn?.(stack)
  const writable = !readOnly && standIn === undefined
  return [{ type: 'bind', source: standIn ?? stack.layer.diff, options: ['rbind', writable ? 'rw' : 'ro'] }]
}

/** The directories of a layer. */
export async function layoutOf({ layout, driver }: Inspected, id: string): Promise<LayerLayout> {
  const stack = await readStack(layout, id)
  const union = driver.plan(stack, { readOnly: false }) !== undefined
  const { diff, target } = stack.layer
  return {
    target: union ? target : diff,
    diff,
    ...(driver.directories.includes('work') ? { work: stack.layer.own('work') } : {}),
    lowers: [...stack.lowers],
  }
}
