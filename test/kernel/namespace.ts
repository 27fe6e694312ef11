import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Suite } from 'mocha'
import { mountinfoSync, mountSync, umount2Sync, MNT_DETACH } from 'graphdriver/sys'
import { describeUnless, type Missing, notRoot } from '../skip.ts'

/** Why this process may not mount here; undefined when it may. */
function mayNotMount(): Missing | undefined {
  const because = (reason: string): Missing => ({ name: 'mounts', reason })
  if (notRoot !== undefined) return because(notRoot)
  if (!isApart()) {
    return because('needs a mount namespace of its own: start it by unshare --mount --propagation private')
  }
  const shared = Array.from(mountinfoSync()).find((entry) => entry.propagation.shared !== undefined)
  return shared && because(`${shared.mountPoint} is shared with other namespaces`)
}

/** Was this process, or one that it comes from, given a mount namespace of its own? */
function isApart(): boolean {
  // Who is in a user namespace can mount only in a mount namespace that belongs to it.
  if (!/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))) return true
  const own = readlinkSync('/proc/self/ns/mnt')
  for (let pid = String(process.ppid); pid !== '0'; pid = parentOf(pid)) {
    const other = namespaceOf(pid)
    if (other !== undefined && other !== own) return true
  }
  return false
}

function parentOf(pid: string): string {
  return /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`)
  } catch {
    return undefined
  }
}

/** A suite that makes devices and mounts: skipped where this process may not, or failed where REQUIRE names mounts. */
export function describeAsRoot(title: string, body: (this: Suite) => void): void {
  describeUnless(mayNotMount(), title, body)
}

/** A suite of real mounts, likewise, whose every case has a directory of its own. It may need more that is missing. */
export function describeMounts(
  title: string,
  body: (this: Suite, directory: () => string) => void,
  missing?: Missing,
): void {
  describeUnless(missing ?? mayNotMount(), title, function () {
    let directory = ''
    // Every test has a tmpfs of its own: what a failing one leaves goes with it.
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'kernel-'))
      mountSync('graphdriver-test', directory, 'tmpfs', 0, 'size=64m')
    })
    afterEach(() => {
      umount2Sync(directory, MNT_DETACH)
      rmdirSync(directory)
    })
    body.call(this, () => directory)
  })
}

/** Makes directories below one, and answers their paths. */
export function directories<Names extends string>(parent: string, ...names: Names[]): Record<Names, string> {
  const paths = names.map((name) => [name, join(parent, name)] as const)
  for (const [, path] of paths) mkdirSync(path, { recursive: true })
  return Object.fromEntries(paths) as Record<Names, string>
}

/** The files that this process has open, by number. */
export function openDescriptors(): Map<string, string> {
  const open = new Map<string, string>()
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const file = readlinkSync(`/proc/self/fd/${fd}`)
      // The tools that compile and report have pipes of their own, and close them when they like.
      if (!/^(pipe|socket):/.test(file)) open.set(fd, file)
    } catch {
      // The descriptor that read the directory is gone.
    }
  }
  return open
}
