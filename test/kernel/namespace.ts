import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Context, Suite } from 'mocha'

import { mountinfoSync, mountSync, umount2Sync, MNT_DETACH } from 'graphdriver/sys'

/** Why this process may not mount here; undefined when it may. */
export function unfit(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!isApart()) {
    return 'runs in the mount namespace of those who started it: start it by unshare --mount --propagation private'
  }
  const shared = Array.from(mountinfoSync()).find((entry) => entry.propagation.shared !== undefined)
  return shared && `${shared.mountPoint} is shared with other namespaces`
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

/** A suite of real mounts: skipped, and the reason said in its title, where this process may not mount. */
export function describeMounts(title: string, body: (this: Suite, directory: () => string) => void): void {
  const reason = unfit()
  if (reason !== undefined) {
    assert(!(process.env['REQUIRE'] ?? '').split(',').includes('mounts'), reason)
    describe.skip(`${title} (${reason})`, () => {
      it('mounts')
    })
    return
  }
  describe(title, function () {
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

/** Skips a test on kernels that lack something, and says what in its title. */
export function skip(context: Context, reason: string): never {
  if (context.test) context.test.title += ` (${reason})`
  context.skip()
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
