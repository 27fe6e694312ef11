import { type Finding, finding } from './finding.ts'

/** What a version of Linux brought that is used here: README has the same table. */
export const KERNEL_BRINGS: readonly { readonly version: string; readonly what: string }[] = [
  {
    version: '5.2',
    what: 'fsopen, fsmount, move_mount: a mount is attached when it is whole; the kernel’s own words in errors',
  },
  { version: '5.6', what: 'openat2: no path leads out of a layer, by the kernel’s word' },
  { version: '5.8', what: 'statx tells whether a directory is a mount point' },
  { version: '5.11', what: 'overlay in a user namespace, without root' },
  { version: '5.12', what: 'mount_setattr: read-only views of a mount' },
  { version: '6.7', what: 'lowerdir+: overlay takes layers one by one' },
  { version: '6.8', what: 'mount ids that are never used again; statmount' },
  { version: '6.13', what: 'overlay takes layers by descriptor, so paths may be of any length' },
]

/** The oldest that all of it was tried on. */
const TRIED = '6.1'

/** The kernel by its release, as uname(2) tells it. */
export function judgeKernel(release: string, machine: string): Finding {
  const found = `Linux ${release} on ${machine}`
  const lacks = KERNEL_BRINGS.filter(({ version }) => isOlder(release, version))
  if (!isOlder(release, TRIED)) return finding('kernel', 'Kernel', found)
  return finding('kernel', 'Kernel', found, {
    status: 'warning',
    reason: `it is older than ${TRIED}, the oldest that was tried. It lacks: ${lacks.map(({ what }) => what.split(':')[0]).join('; ')}`,
    remedy: 'A newer kernel is the simplest way. What is missing is done in an older way where there is one.',
  })
}

/** Whether a release such as 6.1.0-13-amd64 is older than a version such as 6.8. */
export function isOlder(release: string, version: string): boolean {
  const numbers = (text: string): number[] => (/^\d+\.\d+/.exec(text)?.[0] ?? '0.0').split('.').map(Number)
  const [major = 0, minor = 0] = numbers(release)
  const [wantedMajor = 0, wantedMinor = 0] = numbers(version)
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor)
}
