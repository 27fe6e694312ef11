import { checkOptions, checkPath, checkSignal, invalidType } from '../sys/arguments.ts'
import type { Path } from '../sys/index.ts'
import { gathered } from './abort.ts'
import type { SignalOptions } from './abort.ts'
import { latin1 } from './lookup.ts'
import { checkSpec, mount } from './spec.ts'
import type { MountSpec } from './spec.ts'
import { unmount } from './unmount.ts'
import type { UnmountOptions } from './unmount.ts'

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
  const above = new Waiting(specs.map((spec) => spec.target))
  const running = specs.map((spec) => {
    const paths = [...pathsTo(spec.target), ...(spec.source === undefined ? [] : pathsTo(spec.source))]
    const work = Promise.all(paths.flatMap((path) => above.at(path))).then(() => {
      options.signal?.throwIfAborted()
      return mount(spec)
    })
    above.add(withoutSlash(spec.target), work)
    return work
  })
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

/**
 * Unmounts many mounts, side by side but for those that lie on one another: what is below a path of the list goes before it. Up to
 * sixteen calls are in the kernel at once, where they mostly wait.
 *
 * @param targets compared as text: absolute, and without links. One that is there twice is unmounted twice.
 * @throws SyscallError as `unmount`, of the first target in order that failed; the others are unmounted nevertheless, but for those that the
 * failed ones lie on. The signal's reason.
 */
export async function unmountMany(targets: readonly Path[], options: UnmountOptions = {}): Promise<void> {
  const given: unknown = targets
  if (!Array.isArray(given)) throw invalidType('targets', 'an instance of Array', targets)
  targets.forEach((target, index) => checkPath(target, `targets[${String(index)}]`))
  checkSignal(checkOptions(options).signal)
  const texts = targets.map(latin1)
  const deepestFirst = [...texts.entries()].sort(([a, one], [b, other]) => depth(other) - depth(one) || b - a)
  const below = new Waiting(texts)
  const running: Array<Promise<void>> = []
  for (const [index, text] of deepestFirst) {
    const work = Promise.all(below.at(text)).then(() => unmount(targets[index] ?? '', options))
    running[index] = work
    for (const path of pathsTo(text)) below.add(path, work)
  }
  const results = await Promise.allSettled(running)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/** Who waits for whom, by path. */
class Waiting {
  readonly #works: Map<string, Array<Promise<void>>>

  /** @param paths those that anybody asks for. */
  constructor(paths: readonly string[]) {
    this.#works = new Map(paths.map((path) => [withoutSlash(path), []]))
  }

  add(path: string, work: Promise<void>): void {
    this.#works.get(path)?.push(work)
  }

  at(path: string): ReadonlyArray<Promise<void>> {
    return this.#works.get(withoutSlash(path)) ?? []
  }
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '')
}

/** A path and all above it; the root is the empty one. */
function pathsTo(path: string): string[] {
  const parts = withoutSlash(path).split('/')
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'))
}

function depth(path: string): number {
  return withoutSlash(path).split('/').length
}
