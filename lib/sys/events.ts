import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'

import type { Path } from './native.ts'

/** How a system call, or a piece of work, failed. */
export interface EventError {
  /** 'EBUSY', 'ERR_LAYER_BUSY', … */
  readonly code: string
  readonly message: string
}

/** On the channel `graphdriver:mount`: a mount was made, or could not be. */
export interface MountEvent {
  /** Where it is mounted. */
  readonly target: string
  /** Name of the filesystem, or 'bind'; '' where none is told: a change of a mount, and one that was made apart. */
  readonly type: string
  /** How: the form of a driver's plan ('mount', 'fsconfig', …), 'words' of fstab(5), or 'attached' after it was made apart. */
  readonly form: string
  readonly milliseconds: number
  /** Why it failed. */
  readonly error?: EventError
}

/** On the channel `graphdriver:unmount`: a mount was taken away, or could not be. */
export interface UnmountEvent {
  readonly target: string
  /** Taken from the tree at once, whoever used it (MNT_DETACH). */
  readonly detach: boolean
  /** How often it was tried. */
  readonly tries: number
  readonly milliseconds: number
  /** Why it failed. */
  readonly error?: EventError
}

/** On the channel `graphdriver:retry`: something is in the way, and will be tried again. */
export interface RetryEvent {
  /** A busy mount, or the lock of layers that another caller or process has. */
  readonly what: 'unmount' | 'lock'
  /** The mount point, or the lock file. */
  readonly path: string
  /** The layers whose lock it is; none: the store itself. */
  readonly ids?: readonly string[]
  /** The tries so far. */
  readonly tries: number
  /** Milliseconds to the next one. */
  readonly delayMs: number
}

/** On the channel `graphdriver:sweep`: what a process left that died was completed, undone or deleted. */
export interface SweepEvent {
  /** `creation`: undone; `removal`: completed; the rest: deleted. */
  readonly what: 'creation' | 'removal' | 'leftover' | 'staging' | 'view' | 'trial' | 'xino'
  readonly path: string
  /** The layer that it was for. */
  readonly id?: string
}

/** On the channel `graphdriver:warning`: nothing failed, but somebody should know. */
export interface WarningEvent {
  readonly code:
    /** A directory of the store that other users could enter was closed to them. */
    | 'CLOSED_TO_OTHERS'
    /** What a dead process left cannot be deleted now: something is mounted in it. */
    | 'SWEEP_POSTPONED'
    /** What a call left that did its work (a removed layer's contents) could not be deleted; the next `open` does that. */
    | 'DELETION_POSTPONED'
    /** A mount that nobody held was not the one that its layer needs; it was replaced. */
    | 'MOUNT_REPLACED'
  readonly message: string
  readonly path: string
}

interface Events {
  mount: MountEvent
  unmount: UnmountEvent
  retry: RetryEvent
  sweep: SweepEvent
  warning: WarningEvent
}

const channels: Readonly<Record<keyof Events, Channel>> = {
  mount: channel('graphdriver:mount'),
  unmount: channel('graphdriver:unmount'),
  retry: channel('graphdriver:retry'),
  sweep: channel('graphdriver:sweep'),
  warning: channel('graphdriver:warning'),
}

/** Tells those who listen, if there are any; only then is the event made. */
export function tell<Kind extends keyof Events>(kind: Kind, event: () => Events[Kind]): void {
  if (channels[kind].hasSubscribers) channels[kind].publish(event())
}

/**
 * Does a piece of work, and tells those who listen how long it took and how it ended.
 *
 * @param about is looked at when the work has ended.
 */
export function telling<Kind extends 'mount' | 'unmount', T>(
  kind: Kind,
  about: Omit<Events[Kind], 'milliseconds' | 'error'>,
  work: () => Promise<T>,
): Promise<T> {
  return channels[kind].hasSubscribers ? timed(channels[kind], about, work) : work()
}

async function timed<T>(to: Channel, about: object, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  const publish = (more: { error?: EventError }): void => {
    to.publish({ ...about, milliseconds: performance.now() - began, ...more })
  }
  try {
    const result = await work()
    publish({})
    return result
  } catch (error) {
    publish({ error: eventError(error) })
    throw error
  }
}

function eventError(error: unknown): EventError {
  if (!(error instanceof Error)) return { code: 'UNKNOWN', message: String(error) }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return { code, message: error.message }
}

/** A path as events have it: bytes that are no UTF-8 come out as U+FFFD. */
export function pathText(path: Path): string {
  return typeof path === 'string' ? path : Buffer.from(path).toString()
}
