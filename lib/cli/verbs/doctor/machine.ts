import { readFile } from 'node:fs/promises'
import { arch, machine, release } from 'node:os'
import { codeOf } from '../../../store/index.ts'
import { mountinfo, pageSize, tryMount } from '../../../sys/index.ts'
import { type Finding, finding } from './finding.ts'
import { judgeKernel } from './kernel.ts'
import { judgeCapabilities, judgeSeccomp, judgeUserNamespace } from './process.ts'

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
    judgeSeccomp(status, await tryTmpfs()),
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
  return judgeUserNamespace({
    uidMap: (await text('/proc/self/uid_map')) ?? '',
    isRoot: process.geteuid?.() === 0,
    most: await text('/proc/sys/user/max_user_namespaces'),
    cloneAllowed: await text('/proc/sys/kernel/unprivileged_userns_clone'),
    restricted: await text('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
  })
}

/** A filesystem that every kernel has, attached nowhere. */
async function tryTmpfs(): Promise<string | undefined> {
  return tryMount({ type: 'tmpfs' }).then(
    () => undefined,
    (error: unknown) => codeOf(error) ?? 'unknown',
  )
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
