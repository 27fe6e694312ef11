import { type Finding, finding } from './finding.ts'

/** Bits of capabilities(7), and what fails without. */
const CAPABILITIES: readonly { readonly name: string; readonly bit: number; readonly without: string }[] = [
  { name: 'CAP_SYS_ADMIN', bit: 21, without: 'nothing can be mounted: layers work as copies only (vfs)' },
  { name: 'CAP_CHOWN', bit: 0, without: 'files of other owners cannot be made' },
  { name: 'CAP_DAC_OVERRIDE', bit: 1, without: 'files of other owners cannot be read' },
  { name: 'CAP_FOWNER', bit: 3, without: 'modes and times of other owners’ files cannot be set' },
  {
    name: 'CAP_MKNOD',
    bit: 27,
    without: 'tars with device files are refused, and aufs layers cannot be converted',
  },
  { name: 'CAP_SETFCAP', bit: 31, without: 'capabilities of programs in tars are dropped' },
  { name: 'CAP_SYS_CHROOT', bit: 18, without: '`graphdriver run` cannot change the root' },
]

/** The process's capabilities. @param status the text of /proc/self/status. */
export function judgeCapabilities(status: string): Finding {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  const missing = CAPABILITIES.filter(({ bit }) => ((effective >> BigInt(bit)) & 1n) === 0n)
  if (missing.length === 0) return finding('capabilities', 'Capabilities', 'all that are used')
  const found = `without ${missing.map(({ name }) => name).join(', ')}`
  return finding('capabilities', 'Capabilities', found, {
    status: 'warning',
    reason: missing.map(({ name, without }) => `${name}: ${without}`).join('; '),
    remedy:
      'Run as root; in Docker with `--cap-add SYS_ADMIN`; or in a user namespace, `unshare --user --map-root-user --mount`.',
  })
}

/** What the process can know of user namespaces. */
export interface UserNamespace {
  /** The text of /proc/self/uid_map. */
  readonly uidMap: string
  readonly isRoot: boolean
  /** /proc/sys/user/max_user_namespaces, unprivileged_userns_clone and apparmor_restrict_unprivileged_userns; undefined: not there. */
  readonly most: string | undefined
  readonly cloneAllowed: string | undefined
  readonly restricted: string | undefined
  /** What an ordinary user is told when he tries to make one; undefined: it works. */
  readonly trial: string | undefined
}

export function judgeUserNamespace(world: UserNamespace): Finding {
  const first = /^\s*0\s+0\s+4294967295\s*$/.test(world.uidMap)
  if (!first) {
    return finding('user-namespace', 'User namespace', 'in one of its own', {
      status: 'warning',
      reason:
        'overlay keeps its bookkeeping in user.* attributes here, device files cannot be made, and aufs does not work',
      remedy:
        'It is enough for most layers. For all of it, run as root of the machine. A store is of one kind for ever.',
    })
  }
  if (world.isRoot) return finding('user-namespace', 'User namespace', 'the machine’s own')
  const why = refusal(world)
  if (why === undefined) {
    return finding('user-namespace', 'User namespace', 'an ordinary user, who may make one', {
      status: 'warning',
      reason: 'without one, nothing can be mounted',
      remedy: 'Start the program by `unshare --user --map-root-user --mount --propagation private`.',
    })
  }
  return finding('user-namespace', 'User namespace', 'an ordinary user, who may not make one', {
    status: 'warning',
    reason: `${why}, so only the driver vfs works`,
    remedy:
      'Run as root, or let the administrator allow it: by sysctl, and in a container by a seccomp profile that allows unshare and clone.',
  })
}

function refusal({ most, cloneAllowed, restricted, trial }: UserNamespace): string | undefined {
  if (most?.trim() === '0') return 'user.max_user_namespaces is 0'
  if (cloneAllowed?.trim() === '0') return 'kernel.unprivileged_userns_clone is 0'
  if (restricted?.trim() === '1') return 'kernel.apparmor_restrict_unprivileged_userns is 1'
  return trial
}

/** The codes of two ways to mount, tried without an effect; undefined: it works. */
export interface MountTrials {
  /** mount(2), without which nothing is mounted. */
  readonly mount: string | undefined
  /** The newer calls, without which mounts are made in the older way. */
  readonly fsopen: string | undefined
}

const FORBIDDEN: readonly (string | undefined)[] = ['EPERM', 'EACCES', 'ENOSYS']

/**
 * Whether a sandbox stands before the calls that mount.
 *
 * @param status the text of /proc/self/status.
 */
export function judgeSeccomp(status: string, trials: MountTrials): Finding {
  const title = 'Sandbox (seccomp)'
  const mode = /^Seccomp:\s*(\d)$/m.exec(status)?.[1] ?? '0'
  const found = mode === '0' ? 'no filter' : 'a filter is in place'
  const mayMount = ((BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`) >> 21n) & 1n) === 1n
  if (mayMount && FORBIDDEN.includes(trials.mount)) {
    return finding('seccomp', title, `${found}; mount(2) says ${trials.mount ?? ''}`, {
      status: 'error',
      reason:
        'the process has the capability, and mounting is forbidden all the same: by seccomp, AppArmor or SELinux',
      remedy: `In Docker: \`--security-opt seccomp=unconfined --security-opt apparmor=unconfined\`, or a profile that allows mount, umount2, ${NEWER}.`,
    })
  }
  if (mayMount && FORBIDDEN.includes(trials.fsopen)) {
    return finding('seccomp', title, `${found}; fsopen(2) says ${trials.fsopen ?? ''}`, {
      status: 'warning',
      reason:
        'the newer calls that mount are not there (Linux 5.2), or a sandbox hides them: mounts are made in the older way, and errors have none of the kernel’s own words',
      remedy: `It works without. To have them: a newer kernel, or a profile that allows ${NEWER}.`,
    })
  }
  return finding('seccomp', title, found)
}

const NEWER = 'fsopen, fsconfig, fsmount, fspick, move_mount, open_tree, mount_setattr'
