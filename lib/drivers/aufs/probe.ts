import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { perform } from '../../mount/index.ts'
import { codeOf, unless } from '../../store/index.ts'
import {
  aufsBranches,
  close,
  FSPICK_CLOEXEC,
  FSPICK_EMPTY_PATH,
  mount,
  newMount,
  pageSize,
  readFile,
  reconfigure,
  statfs,
  tryMount,
} from '../../sys/index.ts'
import type { ProbeReport, Stack } from '../driver.ts'
import { filesystemName } from '../filesystems.ts'
import { unmountTrial } from '../scratch.ts'
import { refusedBacking } from './backing.ts'
import { type BranchLimit, findLimit, LEAST_BRANCHES } from './limit.ts'
import { refusedOption } from './refused-option.ts'
import type { AufsOptions } from './options.ts'
import { type AufsFeatures, planAufs } from './plan.ts'
import { wordsOf } from './words.ts'
import { takesXino } from './xino.ts'

/** What the driver learns of this kernel and this filesystem by trying. */
export interface AufsProbe extends AufsFeatures {
  readonly limit: BranchLimit
  /** Undefined: it does not say. */
  readonly version: string | undefined
}

/** Without a trial: what a plan assumes that nobody will perform here. */
export function assumedProbe(): AufsProbe {
  const limit = { branches: LEAST_BRANCHES, known: 'assumed' } as const
  return { pageSize: 4096, fsconfig: false, dirperm1: true, limit, version: undefined }
}

type Refusal = { readonly report: ProbeReport }
/** Mounts one at a time, as the driver does. */
export type Exclusive = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Mounts a small union in an empty directory, by both interfaces, and looks at its branches.
 *
 * @param options those of the driver: what the kernel does not take is refused here, not at the first mount.
 */
export async function probeAufs(
  directory: string,
  options: AufsOptions,
  exclusive: Exclusive,
): Promise<{ readonly report: ProbeReport; readonly probe?: AufsProbe }> {
  const { type } = await statfs(directory)
  const filesystem = filesystemName(type)
  const absent = await isAbsent(directory)
  if (absent !== undefined) return absent
  const backing = refusedBacking(type)
  if (backing !== undefined) return refuse('ERR_DRIVER_BACKING_FS', `${filesystem} ${backing}`)
  for (const name of ['rw', 'ro', 'union']) await mkdir(join(directory, name), { mode: 0o755 })
  try {
    const probe = await exclusive(() => tryOut(directory, options))
    return { report: { driver: 'aufs', supported: true, features: featuresOf(probe) }, probe }
  } catch (error) {
    return refuse(...(await classify(error, filesystem, options)), error)
  }
}

function refuse(code: NonNullable<ProbeReport['code']>, reason: string, cause?: unknown): Refusal {
  return { report: { driver: 'aufs', supported: false, code, reason, cause, features: {} } }
}

function featuresOf({ version, dirperm1, limit, fsconfig }: AufsProbe): Record<string, string> {
  return {
    'Aufs Version': version ?? 'not known',
    'Dirperm1 Supported': String(dirperm1),
    'Branch Limit': `${String(limit.branches)}${limit.known === 'assumed' ? ' (assumed)' : ''}`,
    'Mount Plan': `one call; what does not fit it ${fsconfig ? 'by fsconfig, at one instant' : 'by remounts'}`,
  }
}

/** Where the filesystem is not there, asks for it by name, so that the kernel loads its module, and looks again. */
async function isAbsent(directory: string): Promise<Refusal | undefined> {
  if (await isListed()) return undefined
  let error: unknown
  try {
    await tryMount({ type: 'aufs' })
  } catch (failure) {
    error = failure
  }
  // Before Linux 5.2: mount(2) without a branch, which fails at any rate.
  if (codeOf(error) === 'ENOSYS')
    error = await mount('none', directory, 'aufs', 0, 'noxino').catch((e: unknown) => e)
  if (await isListed()) return undefined
  const reason =
    codeOf(error) === 'EPERM'
      ? 'this process may not ask for filesystems (it takes CAP_SYS_ADMIN), and aufs is not loaded'
      : 'this kernel has no aufs, and no module of the name was loaded when it was asked for'
  return refuse('ERR_DRIVER_NOT_SUPPORTED', reason, error)
}

/** /proc/filesystems: `nodev<tab>aufs`, proc_filesystems(5). */
export async function isListed(): Promise<boolean> {
  const text = await unless(readFile('/proc/filesystems', 1 << 20), ['ENOENT', 'EACCES'], undefined)
  return (
    text
      ?.toString('latin1')
      .split('\n')
      .some((line) => line.split('\t').at(-1) === 'aufs') === true
  )
}

function trialStack(directory: string): Stack {
  const at = (name: string): string => join(directory, name)
  return {
    layer: { id: 'probe', diff: at('rw'), target: at('union'), own: at },
    ancestors: [],
    lowers: [at('ro')],
  }
}

async function tryOut(directory: string, options: AufsOptions): Promise<AufsProbe> {
  const xino = (await takesXino(directory)) ? join(directory, 'xino') : undefined
  // Older kernels refuse the word. Who asks for it by name is told so.
  const dirperm1 = await tryMounting(directory, options, true, xino).catch(async (error: unknown) => {
    if (codeOf(error) !== 'EINVAL' || options.dirperm1 !== undefined) throw error
    return tryMounting(directory, options, false, xino)
  })
  // A word of read-only mounts alone.
  if (options.shwh === true) await tryMounting(directory, options, dirperm1, xino, true)
  const fsconfig = await tryDetached(directory, wordsOf(options, { dirperm1 }), xino)
  const features = { pageSize: pageSize(), fsconfig, dirperm1 }
  const version = await readVersion()
  return { ...features, limit: await findLimit(directory, features, version), version }
}

/** Answers `dirperm1` when the mount worked. */
async function tryMounting(
  directory: string,
  options: AufsOptions,
  dirperm1: boolean,
  xino: string | undefined,
  readOnly = false,
): Promise<boolean> {
  const features = { pageSize: pageSize(), fsconfig: false, dirperm1 }
  const stack = trialStack(directory)
  const plan = planAufs(stack, { readOnly }, { ...options, form: 'mount' }, features, xino)
  if (plan === undefined) throw new Error('a stack of two has a plan')
  await perform(plan, stack.layer.target)
  try {
    const found = await aufsBranches(stack.layer.target)
    if (found.length !== 2) throw new Error(`a union of two branches shows ${String(found.length)}`)
    return dirperm1
  } finally {
    await unmountTrial(stack.layer.target)
  }
}

/** Whether branches can be given one by one, and more of them to a mount that is attached nowhere yet. */
async function tryDetached(
  directory: string,
  words: readonly string[],
  xino: string | undefined,
): Promise<boolean> {
  const all = [...words, xino === undefined ? 'noxino' : `xino=${xino}`]
  const settings = all.map((word) => {
    const at = word.indexOf('=')
    return at < 0 ? { key: word } : { key: word.slice(0, at), value: word.slice(at + 1) }
  })
  let fd: number | undefined
  try {
    const first = { key: 'append', value: `${join(directory, 'rw')}=rw` }
    fd = await newMount({ type: 'aufs', settings: [...settings, first] })
    const second = { key: 'append', value: `${join(directory, 'ro')}=ro+wh` }
    await reconfigure(fd, '', FSPICK_CLOEXEC | FSPICK_EMPTY_PATH, [second])
    return (await aufsBranches({ dirfd: fd, path: '.' })).length === 2
  } catch (error) {
    // aufs before 2022 takes the newer interface for the classic one, and a root that is long does not fit a setting.
    if (['EINVAL', 'ENOSYS', 'EPERM', 'EOPNOTSUPP', 'ENOTSUP'].includes(codeOf(error) ?? '')) return false
    throw error
  } finally {
    if (fd !== undefined) await close(fd)
  }
}

async function classify(
  error: unknown,
  filesystem: string,
  options: AufsOptions,
): Promise<[NonNullable<ProbeReport['code']>, string]> {
  switch (codeOf(error)) {
    case 'EPERM':
    case 'EACCES':
      return ['ERR_DRIVER_PREREQUISITE', await whyForbidden()]
    case 'ENOSYS':
      return ['ERR_DRIVER_PREREQUISITE', 'mount(2) is not available here (seccomp or an emulated kernel)']
    default: {
      const word =
        codeOf(error) === 'EINVAL'
          ? await refusedOption(wordsOf(options, { dirperm1: false }, true))
          : undefined
      if (word !== undefined) return ['ERR_DRIVER_PREREQUISITE', `this aufs does not take the option ${word}`]
      const said = error instanceof Error ? error.message : String(error)
      return ['ERR_DRIVER_BACKING_FS', `aufs on ${filesystem} does not work here: ${said}`]
    }
  }
}

/** aufs is mounted by root of the first user namespace only, unless its module was told otherwise. */
export async function whyForbidden(): Promise<string> {
  const map = await unless(readFile('/proc/self/uid_map', 4096), ['ENOENT'], undefined)
  const nested = map !== undefined && !/^\s*0\s+0\s+4294967295\s*$/.test(map.toString('latin1'))
  return nested
    ? 'aufs cannot be mounted in a user namespace, unless its module has allow_userns=1'
    : 'mounting needs CAP_SYS_ADMIN: run as root, and not under a sandbox that forbids mount(2)'
}

async function readVersion(): Promise<string | undefined> {
  const text = await unless(readFile('/sys/module/aufs/version', 4096), ['ENOENT', 'EACCES'], undefined)
  return text?.toString('latin1').trim()
}
