// A user's program, for the compiler: it holds what the types promise, and after `@ts-expect-error` what they refuse. It also runs,
// below a directory of its own: `typed-user.ts DIRECTORY` prints what `await using` gave back.
import { convert, GraphDriverError, open, probe, SyscallError } from 'graphdriver'
import type {
  Change,
  Driver,
  GraphDriver,
  GraphDriverErrorCode,
  LayerInfo,
  OpenOptions,
  Rootfs,
} from 'graphdriver'
import { entries, fromEntries, pack } from 'graphdriver/archive'
import type { TarEntry, TarSource } from 'graphdriver/archive'
import { type DetachedMount, isMountPoint, mount, withMount } from 'graphdriver/mount'
import type { MountSpec } from 'graphdriver/mount'
import { mountinfo, mountinfoSync, statx, umount2, type Mountinfo } from 'graphdriver/sys'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** The same type in both directions, and not `any`. */
type Same<A, B> = 0 extends 1 & A ? false : [A, B] extends [B, A] ? true : false
type Expect<T extends true> = T
type Answer<F extends (...args: never[]) => unknown> = Awaited<ReturnType<F>>

export type Expectations = [
  Expect<Same<Answer<typeof open>, GraphDriver>>,
  Expect<Same<Answer<typeof mountinfo>, Mountinfo>>,
  Expect<Same<ReturnType<typeof mountinfoSync>, Mountinfo>>,
  Expect<Same<ReturnType<typeof umount2>, Promise<void>>>,
  Expect<Same<ReturnType<typeof fromEntries>, Readable>>,
  Expect<Same<ReturnType<typeof entries>, AsyncGenerator<TarEntry, void, undefined>>>,
  Expect<Same<Answer<typeof isMountPoint>, boolean>>,
  Expect<Same<Answer<typeof withMount<number>>, number>>,
  Expect<Same<Answer<GraphDriver['use']>, Rootfs>>,
  Expect<Same<Answer<GraphDriver['get']>, string>>,
  Expect<Same<Answer<GraphDriver['changes']>, Change[]>>,
  Expect<Same<Answer<GraphDriver['list']>, LayerInfo[]>>,
  Expect<Same<GraphDriverError['code'], GraphDriverErrorCode>>,
  Expect<Same<SyscallError['errno'], number>>,
  Expect<Same<ReturnType<DetachedMount[typeof Symbol.asyncDispose]>, Promise<void>>>,
  // @ts-expect-error: an expectation can fail
  Expect<Same<Answer<typeof isMountPoint>, string>>,
  // @ts-expect-error: nothing is the same as any
  Expect<Same<ReturnType<typeof JSON.parse>, boolean>>,
]

/** Never called: what the compiler must refuse, and what it must take. */
export async function judged(driver: GraphDriver, source: TarSource, other: Driver): Promise<void> {
  const options: OpenOptions = { root: '/x', driver: 'overlay', sync: 'full' }
  await open(options)
  await driver.create('app', { parent: 'base', from: source })
  const spec: MountSpec = { type: 'tmpfs', target: '/mnt', options: ['nosuid'] as const }
  // @ts-expect-error: a root is needed
  await open({})
  // @ts-expect-error: no such word
  await open({ root: '/x', sync: 'sometimes' })
  // @ts-expect-error: a path, no number
  await mount({ ...spec, target: 1 })
  // @ts-expect-error: an id is needed
  await driver.get()
  // @ts-expect-error: a misspelt option
  await driver.get('app', { readonly: true })
  // @ts-expect-error: nobody sets what a driver says of itself
  other.name = 'mine'
  // @ts-expect-error: not without a target
  await convert('/x', {})
  await (await pack('/x')).toArray()
  await probe('/x')
  await statx('/x')
}

/** The layer is mounted inside the braces, and given back behind them. */
async function using(root: string): Promise<{ inside: boolean; behind: boolean }> {
  await using driver = await open({ root, driver: 'overlay' })
  await driver.create('base')
  await driver.create('app', { parent: 'base' })
  let path: string
  let inside: boolean
  {
    await using view = await driver.use('app')
    path = view.path
    inside = await isMountPoint(path)
  }
  return { inside, behind: await isMountPoint(path) }
}

const [, , target] = process.argv
if (target !== undefined) {
  await mount({ type: 'tmpfs', source: 'typed', target })
  console.log(JSON.stringify(await using(join(target, 'store'))))
}
