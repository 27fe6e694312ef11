import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { arch, machine, release } from 'node:os'
import { promisify } from 'node:util'
import { codeOf } from '../../../store/index.ts'
import { mount, mountinfo, MS_PRIVATE, MS_SHARED, pageSize, tryMount } from '../../../sys/index.ts'
import { type Finding, finding } from './finding.ts'
import { judgeKernel } from './kernel.ts'
import { judgeCapabilities, judgeSeccomp, judgeUserNamespace, type MountTrials } from './process.ts'

/** What the machine and this process can do, whatever store. */
export async function examineMachine(): Promise<Finding[]> {
  const addon = examineAddon()
  const found = [judgeKernel(release(), machine()), addon]
  // Nothing else can be asked without it.
  if (addon.status === 'error') return found
  const status = (await text('/proc/self/status')) ?? ''
  found.push(
    finding(
      'page-size',
      'Page size',
      `${String(pageSize())} bytes: the options of one mount call fit in one`,
    ),
    judgeCapabilities(status),
    await examineUserNamespace(),
    judgeSeccomp(status, await tryMounts()),
    judgeFilesystems((await text('/proc/filesystems')) ?? ''),
    await examineMountTable(),
  )
  return found
}

function examineAddon(): Finding {
  const title = 'Addon'
  try {
    pageSize()
    return finding('addon', title, `loaded, for linux-${arch()}; Node.js ${process.version}`)
  } catch (error) {
    return finding('addon', title, codeOf(error) ?? 'not loaded', {
      status: 'error',
      reason: error instanceof Error ? error.message : String(error),
      remedy: 'Install the package again on this machine, or build it: `npm run build` in a checkout.',
    })
  }
}

async function text(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

async function examineUserNamespace(): Promise<Finding> {
  const isRoot = process.geteuid?.() === 0
  return judgeUserNamespace({
    uidMap: (await text('/proc/self/uid_map')) ?? '',
    isRoot,
    trial: isRoot ? undefined : await tryNamespace(),
    most: await text('/proc/sys/user/max_user_namespaces'),
    cloneAllowed: await text('/proc/sys/kernel/unprivileged_userns_clone'),
    restricted: await text('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
  })
}

/** Sandboxes forbid what no file in /proc tells of. Answers what unshare(1) says; undefined: it works, or is not here. */
async function tryNamespace(): Promise<string | undefined> {
  try {
    await promisify(execFile)('unshare', ['--user', '--map-root-user', '--mount', 'true'])
    return undefined
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    const { stderr } = error as { stderr?: unknown }
    return typeof stderr === 'string' ? (stderr.trim().split('\n')[0] ?? '') : String(error)
  }
}

async function tryMounts(): Promise<MountTrials> {
  return {
    // Two propagations at once cannot be meant: EINVAL, behind all that could forbid the call (path_mount() in fs/namespace.c).
    mount: await failureOf(mount(null, '/', null, MS_SHARED | MS_PRIVATE), 'EINVAL'),
    // A filesystem that every kernel has, attached nowhere.
    fsopen: await failureOf(tryMount({ type: 'tmpfs' })),
  }
}

async function failureOf(trial: Promise<void>, wanted?: string): Promise<string | undefined> {
  const code = await trial.then(
    () => undefined,
    (error: unknown) => codeOf(error) ?? 'unknown',
  )
  return code === wanted ? undefined : code
}

/** @param list the text of /proc/filesystems. */
export function judgeFilesystems(list: string): Finding {
  const names = list.split('\n').map((line) => line.split('\t').at(-1))
  const has = (name: string): string => `${name}: ${names.includes(name) ? 'there' : 'not loaded'}`
  return finding('filesystems', 'Filesystems of the kernel', [has('overlay'), has('aufs')].join(', '))
}

/** Of so many mounts a namespace is full: fs.mount-max, proc(5). */
const NEARLY = 0.9

async function examineMountTable(): Promise<Finding> {
  const title = 'Mounts in this namespace'
  let number: number
  try {
    number = (await mountinfo()).length
  } catch (error) {
    return finding('mounts', title, codeOf(error) ?? 'not known', {
      status: 'error',
      reason: error instanceof Error ? error.message : String(error),
      remedy: 'Mount /proc: `mount -t proc proc /proc`. Without it nobody can tell what is mounted.',
    })
  }
  const most = Number((await text('/proc/sys/fs/mount-max')) ?? 'NaN')
  const found = Number.isNaN(most) ? String(number) : `${String(number)} of ${String(most)}`
  if (!(number > most * NEARLY)) return finding('mounts', title, found)
  return finding('mounts', title, found, {
    status: 'warning',
    reason: 'the next mounts will fail with ENOSPC',
    remedy: '`graphdriver cleanup` unmounts what nobody holds; or raise fs.mount-max (sysctl).',
  })
}
