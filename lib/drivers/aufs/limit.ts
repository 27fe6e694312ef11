import { mkdir } from 'node:fs/promises'
import { release } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { perform } from '../../mount/index.ts'
import { codeOf, unless } from '../../store/index.ts'
import { readFile } from '../../sys/index.ts'
import { unmountTrial } from '../scratch.ts'
import type { LayerPaths } from '../driver.ts'
import { type AufsFeatures, planAufs } from './plan.ts'

/** The least that a kernel can be built for (CONFIG_AUFS_BRANCH_MAX_127), and what distributions had. */
export const LEAST_BRANCHES = 127

/** What else it can be built for, but for the largest. */
const BUILDS = [LEAST_BRANCHES, 511, 1023]
const LARGEST_BRANCHES = 32_767

/** How the most branches of one union came to be known. */
export interface BranchLimit {
  readonly branches: number
  /** 'told' by the kernel, 'tried', or 'assumed': the least that there is. */
  readonly known: 'told' | 'tried' | 'assumed'
}

/** What turned out, by kernel and version of aufs: a process need not try twice. */
const tried = new Map<string, number>()

/**
 * The most branches of one union: aufs shows its configuration when it is a module, the kernel its own when it keeps it. Where neither
 * does, unions of empty directories are mounted, one branch larger than each limit that there can be, until one is refused: with ENOSPC,
 * which harms nothing.
 *
 * @param directory an empty one, for the trial.
 * @param version of aufs; undefined: another one may be loaded the next time.
 */
export async function findLimit(
  directory: string,
  features: AufsFeatures,
  version: string | undefined,
): Promise<BranchLimit> {
  const told = await readLimit()
  if (told !== undefined) return { branches: told, known: 'told' }
  const kernel = `${release()} ${version ?? ''}`
  const branches = tried.get(kernel) ?? (await tryLimits(directory, features))
  if (branches === undefined) return { branches: LEAST_BRANCHES, known: 'assumed' }
  if (version !== undefined) tried.set(kernel, branches)
  return { branches, known: 'tried' }
}

async function tryLimits(directory: string, features: AufsFeatures): Promise<number | undefined> {
  const target = join(directory, 'limit')
  await mkdir(target)
  let made = 0
  for (const limit of BUILDS) {
    for (; made <= limit; made++) await mkdir(join(directory, branchName(made)))
    const fits = await tryBranches(directory, target, made, features)
    if (fits !== true) return fits === false ? limit : undefined
  }
  return LARGEST_BRANCHES
}

async function readLimit(): Promise<number | undefined> {
  for (const path of ['/sys/fs/aufs/config', '/proc/config.gz']) {
    const bytes = await unless(readFile(path, 1 << 22), ['ENOENT', 'EACCES'], undefined)
    if (bytes === undefined) continue
    const { gunzip } = await import('node:zlib')
    const text = bytes[0] === 0x1f ? await promisify(gunzip)(bytes) : bytes
    const most = /^CONFIG_AUFS_BRANCH_MAX_(\d+)=y$/m.exec(text.toString('latin1'))?.[1]
    if (most !== undefined) return Number(most)
  }
  return undefined
}

function branchName(number: number): string {
  return `b${String(number)}`
}

/** Whether a union of so many branches can be mounted, all of them read-only; undefined: not for another reason. */
async function tryBranches(
  directory: string,
  target: string,
  count: number,
  features: AufsFeatures,
): Promise<boolean | undefined> {
  const layer = (name: string): LayerPaths => ({
    id: name,
    diff: join(directory, name),
    target,
    own: (own) => join(directory, own),
  })
  const [top, ...rest] = Array.from({ length: count }, (_, number) => layer(branchName(number)))
  if (top === undefined) return undefined
  const stack = { layer: top, ancestors: rest, lowers: rest.map(({ diff }) => diff) }
  const plan = planAufs(stack, { readOnly: true }, {}, features, undefined)
  if (plan === undefined) return undefined
  try {
    await perform(plan, target)
  } catch (error) {
    return codeOf(error) === 'ENOSPC' ? false : undefined
  }
  await unmountTrial(target)
  return true
}
