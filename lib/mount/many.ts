import { checkOptions, checkPath, checkSignal, invalidType } from '../sys/arguments.ts'
import { gathered } from './abort.ts'
import type { SignalOptions } from './abort.ts'
import { isBelow } from './lookup.ts'
import { checkSpec, mount } from './spec.ts'
import type { MountSpec } from './spec.ts'
import { unmount } from './unmount.ts'

/**
 * Makes many mounts, all of them or none. Those that have nothing to do with each other are made side by side; one
 * whose target or source lies at or below the target of an earlier one waits for that.
 *
 * An abort ends it when the calls that run are done, and undoes what they made, before it rejects.
 *
 * @param specs targets and sources are compared as text: absolute, and without links.
 * @throws SyscallError of the first mount in order that failed; the signal's reason. What was mounted is taken down again.
 */
export async function mountMany(specs: readonly MountSpec[], options: SignalOptions = {}): Promise<void> {
  const given: unknown = specs
  if (!Array.isArray(given)) throw invalidType('specs', 'an instance of Array', specs)
  specs.forEach((spec, index) => {
    checkPath(checkSpec(spec, `specs[${String(index)}]`).target, `specs[${String(index)}].target`)
  })
  checkSignal(checkOptions(options).signal)
  const running: Array<Promise<void>> = []
  for (const [index, spec] of specs.entries()) {
    const before = running.filter((_, earlier) => dependsOn(spec, specs[earlier]))
    running[index] = Promise.all(before).then(() => {
      options.signal?.throwIfAborted()
      return mount(spec)
    })
  }
  const results = await Promise.allSettled(running)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed === undefined && !options.signal?.aborted) return
  const errors: unknown[] = []
  for (const [index, spec] of [...specs.entries()].reverse()) {
    if (results[index]?.status !== 'fulfilled') continue
    await unmount(spec.target, { nofollow: false }).catch((error: unknown) => errors.push(error))
  }
  throw gathered(failed ? failed.reason : options.signal?.reason, errors)
}

function dependsOn(spec: MountSpec, earlier: MountSpec | undefined): boolean {
  if (earlier === undefined) return false
  const inside = isBelow(earlier.target)
  return inside(spec.target) || (spec.source !== undefined && inside(spec.source))
}
