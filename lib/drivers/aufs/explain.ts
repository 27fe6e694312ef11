import { lstat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf, present, unless } from '../../store/index.ts'
import { readFile, ST_RDONLY, statfs, type SyscallError } from '../../sys/index.ts'
import { filesystemName } from '../filesystems.ts'
import { refusedBranch } from './backing.ts'
import { type AufsPlan, MOST_OPTIONS } from './plan.ts'
import { isListed, whyForbidden } from './probe.ts'
import { refusedOption } from './refused-option.ts'
import { takesXino } from './xino.ts'

/** What a search for a cause has to go by. */
interface Case {
  readonly error: SyscallError
  readonly plan: AufsPlan
  readonly target: string
  readonly most: number | undefined
}

/** A way for a mount to fail: says that it was this one, and with what; or stays on the list of what it was not. */
interface Suspect {
  readonly codes: readonly string[]
  readonly ruledOut: string
  readonly find: (what: Case) => Promise<string | undefined> | string | undefined
}

/**
 * Looks for the cause of a failed aufs mount: aufs answers EINVAL for nearly everything and writes the cause to the
 * kernel's log only.
 *
 * @param most the branches that the kernel was built for, if it says so.
 * @returns what is wrong, or the list of what is not.
 */
export async function explainAufs(
  error: SyscallError,
  plan: AufsPlan,
  target: string,
  most: number | undefined,
): Promise<string> {
  const what: Case = { error, plan, target, most }
  const ruledOut: string[] = []
  for (const { codes, ruledOut: words, find } of SUSPECTS) {
    if (!codes.includes(error.code)) continue
    const found = await find(what)
    if (found !== undefined) return found
    ruledOut.push(words)
  }
  const log = "the kernel's log may say more"
  return ruledOut.length === 0 ? log : `ruled out: ${ruledOut.join('; ')}. ${capital(log)}`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

// A filter in aufs makes EINVAL of ENOENT, ENOTDIR, EEXIST and EIO, but not everywhere and not in every version.
const ANY_PATH = ['EINVAL', 'ENOENT', 'ENOTDIR', 'EEXIST']

const SUSPECTS: readonly Suspect[] = [
  { codes: ['ENODEV'], ruledOut: 'aufs is in /proc/filesystems', find: absent },
  { codes: ['EPERM'], ruledOut: 'the privilege to mount', find: whyForbidden },
  { codes: ['EAGAIN'], ruledOut: 'maintenance of pseudo-links', find: maintenance },
  { codes: ['E2BIG'], ruledOut: 'the number of options', find: tooManyOptions },
  { codes: ['ENOSPC'], ruledOut: 'the number of branches', find: tooManyBranches },
  {
    codes: [...ANY_PATH, 'ENAMETOOLONG', 'EACCES', 'ELOOP'],
    ruledOut: 'every branch is a directory',
    find: wrongPath,
  },
  { codes: ['EINVAL'], ruledOut: 'no branch is there twice', find: twice },
  { codes: ['EINVAL'], ruledOut: 'none lies inside another', find: nested },
  { codes: ['EINVAL'], ruledOut: 'none lies in the union', find: inUnion },
  { codes: ['EINVAL'], ruledOut: 'their filesystems are good', find: wrongFilesystem },
  { codes: ['EINVAL', 'EROFS'], ruledOut: 'the first can be written', find: readOnlyBranch },
  {
    codes: ['EINVAL', 'ENOSYS', 'EPERM', 'EOPNOTSUPP', 'ENOTSUP'],
    ruledOut: 'it takes long names',
    find: shortNames,
  },
  {
    codes: [...ANY_PATH, 'EIO'],
    ruledOut: "aufs's own files in it are what they should be",
    find: housekeeping,
  },
  { codes: ['EEXIST', 'EINVAL'], ruledOut: 'the xino file is not there yet', find: xinoExists },
  {
    codes: ['ENOENT', 'EINVAL', 'ENOTDIR', 'EACCES'],
    ruledOut: 'its directory is there',
    find: xinoDirectory,
  },
  {
    codes: ['EINVAL', 'ENOSPC', 'EIO', 'EROFS'],
    ruledOut: 'and has room, on a good filesystem',
    find: xinoFilesystem,
  },
  { codes: ['EINVAL'], ruledOut: 'the mount label', find: label },
  { codes: ['EINVAL', 'ENOPARAM'], ruledOut: 'the kernel takes every option', find: unknownOption },
]

async function absent(): Promise<string | undefined> {
  return (await isListed())
    ? undefined
    : 'this kernel has no aufs (any more): /proc/filesystems does not list it'
}

function maintenance({ target }: Case): string {
  return `somebody holds aufs in maintenance of pseudo-links (auplink), at ${target} or everywhere`
}

function tooManyOptions({ plan }: Case): string {
  const most = Math.max(
    ...plan.steps.map((step) => ('settings' in step ? step.settings.length : step.data.length)),
  )
  return (
    `a call has more options than aufs takes, or its data does not fit a page; this plan keeps to ${String(MOST_OPTIONS)}` +
    (most > MOST_OPTIONS ? `, and one step has ${String(most)}` : '')
  )
}

function tooManyBranches({ plan, most }: Case): string | undefined {
  const count = plan.branches.length
  if (most !== undefined && count > most) return branchLimit(count, `and this kernel takes ${String(most)}`)
  // The smallest that a kernel can be built for.
  if (most === undefined && count > 127) return branchLimit(count, 'and most kernels take 127')
  return undefined
}

function branchLimit(count: number, limit: string): string {
  return `the union has ${String(count)} branches, ${limit} (CONFIG_AUFS_BRANCH_MAX_*)`
}

async function wrongPath({ plan }: Case): Promise<string | undefined> {
  for (const { path } of plan.branches) {
    try {
      if (!(await lstat(path)).isDirectory()) return `the branch ${path} is no directory`
    } catch (error) {
      return `the branch ${path} cannot be used: ${codeOf(error) ?? String(error)}`
    }
  }
  return undefined
}

function twice({ plan }: Case): string | undefined {
  const seen = new Set<string>()
  for (const { path } of plan.branches) {
    if (seen.has(path)) return `the branch ${path} is there twice`
    seen.add(path)
  }
  return undefined
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(`${above}/`)
}

function nested({ plan }: Case): string | undefined {
  // Sorted, with the slash at the end, a directory comes right before what is below it.
  const sorted = plan.branches.map(({ path }) => `${path}/`).sort()
  for (const [at, path] of sorted.entries()) {
    const next = sorted[at + 1]
    if (next?.startsWith(path) && next !== path) {
      return `the branch ${next.slice(0, -1)} lies inside the branch ${path.slice(0, -1)}`
    }
  }
  return undefined
}

function inUnion({ plan, target }: Case): string | undefined {
  const inside = plan.branches.find(({ path }) => path === target || isBelow(path, target))
  return inside && `the branch ${inside.path} lies in the union itself, at ${target}`
}

async function wrongFilesystem({ plan }: Case): Promise<string | undefined> {
  for (const { path } of plan.branches) {
    const { type } = await statfs(path)
    const why = refusedBranch(type)
    if (why !== undefined) return `the branch ${path} is on ${filesystemName(type)}, which ${why}`
  }
  return undefined
}

function writable(plan: AufsPlan): string | undefined {
  return plan.branches.find(({ permission }) => permission === 'rw')?.path
}

async function readOnlyBranch({ plan }: Case): Promise<string | undefined> {
  const path = writable(plan)
  if (path === undefined || !((await statfs(path)).flags & ST_RDONLY)) return undefined
  return `the branch ${path} is to be written and lies on a read-only mount`
}

/** aufs adds to names (.wh..wh. and more), and makes hard links for whiteouts. */
async function shortNames({ plan, error }: Case): Promise<string | undefined> {
  const path = writable(plan)
  if (path === undefined) return undefined
  const { namelen, type } = await statfs(path)
  if (namelen < 255)
    return `the branch ${path} takes names of ${String(namelen)} bytes only, and aufs needs 255`
  if (error.code === 'EINVAL') return undefined
  return `the filesystem of ${path} (${filesystemName(type)}) may have no hard links, which aufs needs to write`
}

const HOUSEKEEPING = [
  ['.wh..wh.aufs', 'file'],
  ['.wh..wh.plnk', 'directory'],
  ['.wh..wh.orph', 'directory'],
] as const

async function housekeeping({ plan }: Case): Promise<string | undefined> {
  const path = writable(plan)
  if (path === undefined) return undefined
  for (const [name, kind] of HOUSEKEEPING) {
    const stats = await unless(lstat(join(path, name)), ['ENOENT'], undefined)
    if (stats === undefined || (kind === 'file' ? stats.isFile() : stats.isDirectory())) continue
    return `${join(path, name)} is in the way: aufs wants a ${kind} of its own there`
  }
  return undefined
}

async function xinoExists({ plan }: Case): Promise<string | undefined> {
  if (plan.xino === undefined || !(await present(plan.xino))) return undefined
  return `the xino file ${plan.xino} is there already`
}

async function xinoDirectory({ plan }: Case): Promise<string | undefined> {
  if (plan.xino === undefined) return undefined
  const directory = dirname(plan.xino)
  const stats = await unless(lstat(directory), ['ENOENT', 'ENOTDIR', 'EACCES'], undefined)
  return stats?.isDirectory() === true
    ? undefined
    : `the directory of the xino file, ${directory}, is not there`
}

async function xinoFilesystem({ plan }: Case): Promise<string | undefined> {
  if (plan.xino === undefined) return undefined
  const directory = dirname(plan.xino)
  if (await takesXino(directory)) return undefined
  const { type } = await statfs(directory)
  return (
    `the xino file cannot be in ${directory}: it takes room on tmpfs, ext2/ext3/ext4 or f2fs that can be written, ` +
    `and this is ${filesystemName(type)}`
  )
}

/** SELinux takes its word out of the options before aufs reads them, or refuses all. */
async function label({ plan }: Case): Promise<string | undefined> {
  if (plan.label === undefined) return undefined
  const given = `the mount label ${plan.label} was given (context=)`
  if ((await textOf('/sys/fs/selinux/enforce')) === undefined)
    return `${given}, and it takes a kernel with SELinux`
  // Until there is a policy, no process has a context, and no mount may be given one: selinux_add_opt().
  if ((await textOf('/proc/self/attr/current'))?.includes(':') === false)
    return `${given}, and SELinux has not loaded a policy yet`
  return (await isUnknownContext(plan.label)) ? `${given}, which SELinux's policy does not know` : undefined
}

async function textOf(path: string): Promise<string | undefined> {
  const bytes = await unless(readFile(path, 4096), ['ENOENT', 'EACCES', 'EINVAL'], undefined)
  return bytes?.toString('latin1')
}

/** SELinux checks what is written there: selinuxfs, sel_write_context(). Who may not ask is told nothing. */
async function isUnknownContext(context: string): Promise<boolean> {
  try {
    await writeFile('/sys/fs/selinux/context', context, { flag: 'r+' })
    return false
  } catch (error) {
    return codeOf(error) === 'EINVAL'
  }
}

async function unknownOption({ plan }: Case): Promise<string | undefined> {
  const words = plan.words.filter((word) => !/^(xino|context)=/.test(word))
  const word = await refusedOption(words)
  return word && `this aufs does not take the option ${word}`
}
