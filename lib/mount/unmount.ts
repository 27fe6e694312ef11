import { realpath } from 'node:fs/promises'

import { checkInteger, checkOptions, checkSignal } from '../sys/arguments.ts'
import { pathText, tell, telling } from '../sys/events.ts'
import { MNT_DETACH, mountinfo, SyscallError, umount2, UMOUNT_NOFOLLOW } from '../sys/index.ts'
import type { MountinfoEntry, Path } from '../sys/index.ts'
import { sleep } from './abort.ts'
import type { SignalOptions } from './abort.ts'
import { describeHolders, holders } from './holders.ts'
import { findMount, isBelow, isMountPoint, latin1 } from './lookup.ts'
import type { LookupOptions } from './lookup.ts'

/** How long to try when a mount is busy. */
export interface Patience {
  /** How often at most; 1 tries once. */
  tries: number
  /** Milliseconds from one try to the next, on average. */
  delayMs: number
}

/** How {@link unmount} goes about it. */
export interface UnmountOptions extends SignalOptions {
  /** Take it from the tree at once even when it is busy; it ends when its last user does (MNT_DETACH). */
  detach?: boolean
  /** Take a link at the end itself (and fail); the default is true. */
  nofollow?: boolean
  /** The default is 5 tries, 20 ms apart. */
  patience?: Patience
}

/** How {@link unmountTree} goes about it. */
export type UnmountTreeOptions = Omit<UnmountOptions, 'nofollow'>

const defaultPatience: Patience = { tries: 5, delayMs: 20 }

/**
 * Unmounts what is mounted at a path (the topmost, where there are several). A mount that is busy is tried again a few
 * times: a file may just be being closed.
 *
 * An abort ends the waiting; a call that runs already is waited for, so when this settles, nothing is under way any more.
 *
 * @throws SyscallError EBUSY with the holders and the mounts below in `detail`; EINVAL (not a mount point), ENOENT, EPERM;
 * the signal's reason.
 */
export async function unmount(target: Path, options: UnmountOptions = {}): Promise<void> {
  checkSignal(checkOptions(options).signal)
  const flags = (options.detach ? MNT_DETACH : 0) | (options.nofollow === false ? 0 : UMOUNT_NOFOLLOW)
  const patience = options.patience ?? defaultPatience
  const tries = checkInteger(patience.tries, 'options.patience.tries', 1, 10_000)
  const delayMs = checkInteger(patience.delayMs, 'options.patience.delayMs', 0, 60_000)
  const event = { target: pathText(target), detach: options.detach === true, tries: 1 }
  await telling('unmount', event, async () => {
    for (; !(await tryOnce(target, flags, options, event.tries >= tries)); event.tries++) {
      // Jitter: those who wait for each other's mounts shall not all come back at one time.
      const delay = delayMs * (0.5 + Math.random())
      tell('retry', () => ({ what: 'unmount', path: event.target, tries: event.tries, delayMs: delay }))
      await sleep(delay, options.signal)
    }
  })
}

/** Answers false when the mount is busy, and this was not the last try. */
async function tryOnce(
  target: Path,
  flags: number,
  options: UnmountOptions,
  last: boolean,
): Promise<boolean> {
  options.signal?.throwIfAborted()
  try {
    await umount2(target, flags)
    return true
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    if (error.code === 'EBUSY' && !last) return false
    throw await explained(error, target, { nofollow: options.nofollow !== false })
  }
}

/** The same error, with what can be found out about it. */
async function explained(error: SyscallError, target: Path, look: LookupOptions): Promise<SyscallError> {
  try {
    if (error.code === 'EBUSY') return error.with({ detail: await busyWords(target, look) })
    if (error.code === 'EINVAL' && !(await isMountPoint(target, look))) {
      return error.with({ detail: 'not a mount point' })
    }
  } catch {
    // The question is only for the words: the failure itself must not get lost in it.
  }
  return error
}

async function busyWords(target: Path, look: LookupOptions): Promise<string | undefined> {
  const own = await findMount(target, look)
  const below = Array.from(await mountinfo()).filter((entry) => entry.parent === own?.id)
  const mounts = below.map((entry) => entry.mountPoint)
  const words = [
    mounts.length > 0
      ? `mounted below: ${mounts.slice(0, 5).join(', ')}${mounts.length > 5 ? ', …' : ''}`
      : '',
    describeHolders(await holders(target, look)),
  ]
  return words.filter((word) => word !== '').join('; ') || undefined
}

/**
 * Unmounts everything at a path and below it: what is mounted on another mount first, of neighbours the later one first. A path with
 * nothing mounted is no error.
 *
 * @param target is followed when it is a link. The path itself need not be a mount point.
 * @returns the mount points, in the order in which they were unmounted; with `detach` those of whole trees.
 * @throws SyscallError as {@link unmount}; what was unmounted before stays so.
 */
export async function unmountTree(target: Path, options: UnmountTreeOptions = {}): Promise<string[]> {
  const inside = isBelow(latin1(await realpath(target as string, { encoding: 'buffer' })))
  const done: string[] = []
  for (;;) {
    const mounts = Array.from(await mountinfo()).filter((entry) => inside(entry.mountPointLatin1))
    const order = options.detach ? topmost(mounts) : childrenFirst(mounts)
    if (order.length === 0) return done
    const before = done.length
    for (const entry of order) {
      try {
        await unmount(bytesOf(entry), options)
        done.push(entry.mountPoint)
      } catch (error) {
        // Another mount may hide this one, or somebody else took it down: the next round knows.
        const vanished = error instanceof SyscallError && (error.code === 'EINVAL' || error.code === 'ENOENT')
        if (!vanished || (entry === order.at(-1) && done.length === before)) throw error
      }
    }
  }
}

/** The mount point as the kernel has it, also when it is no UTF-8. */
function bytesOf(entry: MountinfoEntry): Path {
  return entry.mountPointBytes ?? entry.mountPoint
}

/** Mounts that lie on none of the others: a lazy unmount takes the rest with them. The last first. */
function topmost(mounts: readonly MountinfoEntry[]): MountinfoEntry[] {
  const ids = new Set(mounts.map((entry) => entry.id))
  return mounts.filter((entry) => !ids.has(entry.parent)).reverse()
}

/** Each mount after those that lie on it; of neighbours, the later first, since it may hide the earlier. */
export function childrenFirst<T extends Pick<MountinfoEntry, 'id' | 'parent'>>(mounts: readonly T[]): T[] {
  const children = new Map<number, T[]>()
  const ids = new Set(mounts.map((entry) => entry.id))
  const tops: T[] = []
  for (const entry of mounts) {
    if (!ids.has(entry.parent) || entry.parent === entry.id) tops.push(entry)
    else children.set(entry.parent, [...(children.get(entry.parent) ?? []), entry])
  }
  // Parents before children, later neighbours last; backwards that is the order wanted. No recursion: chains may be long.
  const parentsFirst: T[] = []
  const waiting = tops.reverse()
  for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
    parentsFirst.push(entry)
    waiting.push(...(children.get(entry.id) ?? []).reverse())
  }
  return parentsFirst.reverse()
}
