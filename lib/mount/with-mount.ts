import { mkdtemp, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { checkFunction, checkOptions, checkSignal } from '../sys/arguments.ts'
import { SyscallError } from '../sys/index.ts'
import { gathered } from './abort.ts'
import type { SignalOptions } from './abort.ts'
import { checkSpec, mount } from './spec.ts'
import type { MountSpec } from './spec.ts'
import { unmount } from './unmount.ts'

/** A mount for the time of one function: without a target, on a fresh directory of its own. */
export type WithMountSpec = Omit<MountSpec, 'target'> & { target?: string }

/**
 * Mounts, calls a function with the path, and unmounts, whatever the function does. A directory made for it is
 * removed again, by rmdir(2) only: never anything in it.
 *
 * A mount that is still busy then is detached, so that it ends with its last user, and the error of the unmount,
 * which names the holders, is thrown.
 *
 * @returns what the function answered.
 * @throws what the function threw; SyscallError of mounting and unmounting. Both: an AggregateError with the first one's `code`.
 */
export async function withMount<T>(
  spec: WithMountSpec,
  use: (path: string) => T | Promise<T>,
  options: SignalOptions = {},
): Promise<T> {
  checkFunction(use, 'use')
  checkSignal(checkOptions(options).signal)
  const { target: given, ...parts } = checkSpec(spec)
  options.signal?.throwIfAborted()
  const target = given ?? (await mkdtemp(join(tmpdir(), 'graphdriver-')))
  const removeTarget = async (): Promise<void> => {
    if (given === undefined) await rmdir(target)
  }
  try {
    // A signal given to mount() would reject before the mount is undone, and the directory be removed too early.
    await mount({ ...parts, target })
  } catch (error) {
    throw gathered(error, await failures([removeTarget]))
  }
  const leave = (): Promise<unknown[]> => failures([() => unmountSurely(target), removeTarget])
  let result: T
  try {
    options.signal?.throwIfAborted()
    result = await use(target)
  } catch (error) {
    throw gathered(error, await leave())
  }
  const [first, ...others] = await leave()
  if (first !== undefined) throw gathered(first, others)
  return result
}

async function unmountSurely(target: string): Promise<void> {
  try {
    await unmount(target, { nofollow: false })
  } catch (error) {
    if (error instanceof SyscallError && error.code === 'EBUSY') {
      await unmount(target, { nofollow: false, detach: true })
    }
    throw error
  }
}

/** Runs every step, also when one before it failed; answers what they threw. */
async function failures(steps: ReadonlyArray<() => Promise<void>>): Promise<unknown[]> {
  const errors: unknown[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      errors.push(error)
    }
  }
  return errors
}
