import { dirname } from 'node:path'
import { readdir } from 'node:fs/promises'
import { type LayerInfo, open } from '../../../index.ts'
import { codeOf, Layout, locateRoot, readAnyStamp, readChain, unless } from '../../../store/index.ts'
import { filesystemName, ST_RDONLY, statfs } from '../../../sys/index.ts'
import { remedyOf } from '../../explain.ts'
import { count, formatBytes } from '../../format.ts'
import { type Finding, finding } from './finding.ts'

/** Less room than this is told of. */
const LITTLE_BYTES = 64 * 1024 * 1024
const LITTLE_INODES = 1000

/** What is found at a root, and the driver of its store. */
export async function examineStore(
  root: string,
): Promise<{ findings: Finding[]; driver: string | undefined }> {
  try {
    const located = await locateRoot(root)
    const backing = await examineBacking(located.existing)
    const layout = new Layout(located.root)
    const stamp = located.root === located.existing ? await readAnyStamp(layout) : undefined
    if (stamp === undefined) {
      return {
        findings: [backing, finding('store', 'Store', `none at ${located.root} yet`)],
        driver: undefined,
      }
    }
    if (stamp.state === 'converting')
      return { findings: [backing, halfWay(layout, stamp)], driver: undefined }
    const own = finding('store', 'Store', `${located.root}, of the driver ${stamp.driver}`)
    return { findings: [backing, own, ...(await examineLayers(layout))], driver: stamp.driver }
  } catch (error) {
    return { findings: [failure('store', 'Store', error)], driver: undefined }
  }
}

function failure(check: string, title: string, error: unknown): Finding {
  const code = codeOf(error) ?? 'unknown'
  return finding(check, title, code, {
    status: 'error',
    reason: error instanceof Error ? error.message : String(error),
    remedy: remedyOf(code) ?? 'See what the reason says.',
  })
}

function halfWay(layout: Layout, { driver, to }: { driver: string; to: string }): Finding {
  return finding('store', 'Store', `${layout.root}, half-way from ${driver} to ${to}`, {
    status: 'error',
    reason: 'a conversion runs, or was interrupted; until it is done the store cannot be opened',
    remedy: `\`graphdriver convert --to ${to}\` finishes it, \`--to ${driver}\` goes back.`,
  })
}

async function examineBacking(directory: string): Promise<Finding> {
  const { type, bavail, bsize, files, ffree, flags } = await statfs(directory)
  const free = bavail * bsize
  const inodes = files === 0 ? '' : `, ${count(ffree, 'inode')}`
  const found = `${filesystemName(type)} at ${directory}, ${formatBytes(free)}${inodes} free`
  if ((flags & ST_RDONLY) !== 0) {
    return finding('backing', 'Filesystem of the root', found, {
      status: 'warning',
      reason: 'it is read-only: layers can be looked at, and nothing can be made or mounted',
      remedy: 'Choose a root that can be written.',
    })
  }
  if (free >= LITTLE_BYTES && (files === 0 || ffree >= LITTLE_INODES)) {
    return finding('backing', 'Filesystem of the root', found)
  }
  return finding('backing', 'Filesystem of the root', found, {
    status: 'warning',
    reason: 'there is little room left',
    remedy: 'Remove layers that are not needed, or choose a larger filesystem.',
  })
}

async function examineLayers(layout: Layout): Promise<Finding[]> {
  let layers: LayerInfo[]
  try {
    await using driver = await open({ root: layout.root, readOnly: true })
    layers = await driver.list()
  } catch (error) {
    return [failure('layers', 'Layers', error)]
  }
  return [
    await judgeLayers(layout, layers),
    judgeOrphans(layers),
    await examineLeftovers(layout),
    judgeMounted(layers),
  ]
}

/** Every chain is read to its end: `list` reads parents only. */
async function judgeLayers(layout: Layout, layers: readonly LayerInfo[]): Promise<Finding> {
  const real = layers.filter(({ fault }) => fault !== 'orphan')
  const bad: string[] = []
  for (const { id, fault } of real) {
    const broken =
      fault ?? (await unless(readChain(layout, id), ['ERR_LAYER_CORRUPT', 'ERR_LAYER_NOT_FOUND'], 'corrupt'))
    if (broken === 'corrupt') bad.push(id)
  }
  if (bad.length === 0) return finding('layers', 'Layers', count(real.length, 'layer'))
  return finding('layers', 'Layers', `${count(real.length, 'layer')}, corrupt: ${bad.join(', ')}`, {
    status: 'error',
    reason:
      'the file in layers/ cannot be read or is no possible chain, or the contents in diff/ are missing',
    remedy:
      'Bring the file or the directory back from a copy, or `graphdriver rm` the layer and those above it.',
  })
}

function judgeOrphans(layers: readonly LayerInfo[]): Finding {
  const orphans = layers.filter(({ fault }) => fault === 'orphan').map(({ id }) => id)
  if (orphans.length === 0) return finding('orphans', 'Orphans', 'none')
  return finding('orphans', 'Orphans', orphans.join(', '), {
    status: 'warning',
    reason: 'these directories in diff/ belong to no layer, and take room',
    remedy: '`graphdriver cleanup --orphans` deletes them.',
  })
}

async function examineLeftovers(layout: Layout): Promise<Finding> {
  const found: string[] = []
  const look = async (directory: string, wanted: (name: string) => boolean): Promise<void> => {
    const names = await unless(readdir(directory), ['ENOENT', 'ENOTDIR', 'EACCES'], [])
    found.push(...names.filter(wanted).map((name) => `${directory}/${name}`))
  }
  await look(layout.directory('layers'), (name) => name.startsWith('.new-') || name.startsWith('.gone-'))
  await look(layout.directory('staging'), () => true)
  for (const name of ['diff', 'mnt', 'work', 'pending']) {
    await look(layout.directory(name), (entry) => entry.endsWith('-removing'))
  }
  for (const directory of [layout.root, dirname(layout.root)]) {
    await look(directory, (name) => name.startsWith('.graphdriver-probe-'))
  }
  if (found.length === 0) return finding('leftovers', 'Leftovers of earlier runs', 'none')
  return finding('leftovers', 'Leftovers of earlier runs', found.join(', '), {
    status: 'warning',
    reason: 'a process is at work on these, or died in the middle of it',
    remedy:
      'What is left by a dead process goes at the next call that changes the store: `graphdriver cleanup`.',
  })
}

function judgeMounted(layers: readonly LayerInfo[]): Finding {
  const mounted = layers.filter((layer) => layer.mounted).map(({ id }) => id)
  return finding('mounted', 'Mounted here', mounted.length === 0 ? 'nothing' : mounted.join(', '))
}
