import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { convert, open } from 'graphdriver'
import { mount, umount2 } from 'graphdriver/sys'
import { LONG } from '../../figures.ts'
import { makeDockerRoot } from '../../contract/docker.ts'
import { tars } from '../drivers/convert-support.ts'
import { openDescriptors } from '../namespace.ts'
import { Injector } from './injector.ts'
import { codeOf, mountsBelow, scratchDirectory } from './support.ts'

describe('a system call that fails while a store is converted', function () {
  this.timeout(LONG ? 600_000 : 120_000)
  const scratch = scratchDirectory()
  const injector = new Injector()
  let injected = 0

  before(() => mount('tmpfs', scratch.path, 'tmpfs'))
  before(() => {
    injector.install()
  })
  after(() => {
    injector.uninstall()
    console.log(`      ${String(injected)} faults were injected`)
  })

  async function prepared(to: 'overlay' | 'aufs'): Promise<string> {
    const root = scratch.fresh()
    makeDockerRoot(root)
    if (to === 'aufs') await convert(root, { to: 'overlay' })
    return root
  }

  /** By layer a digest of its tar. */
  async function digests(root: string): Promise<string[]> {
    return Object.entries(await tars(root)).map(([id, tar]) => {
      return `${id} ${createHash('sha256').update(tar, 'latin1').digest('hex')}`
    })
  }

  const isConverting = (root: string): boolean =>
    existsSync(join(root, 'graphdriver.json')) &&
    (JSON.parse(readFileSync(join(root, 'graphdriver.json'), 'utf8')) as { state: string }).state ===
      'converting'

  for (const to of ['overlay', 'aufs'] as const) {
    it(`EIO of any call, to ${to}: it says so, and running it again finishes it`, async () => {
      const first = await prepared(to)
      const whole = await digests(first)
      const { calls, error } = await injector.run({ code: 'EIO', calls: 'all' }, 0, () =>
        convert(first, { to }),
      )
      assert.equal(error, undefined)
      assert.deepEqual(await digests(first), whole)
      const descriptors = openDescriptors()
      let halfWay = 0
      // Evenly: some at the beginning, where nothing is changed yet, and some in the middle.
      const stride = LONG ? 1 : Math.ceil(calls.length / 15)
      for (let at = 1; at <= calls.length; at += stride) {
        const root = await prepared(to)
        const same = await digests(root)
        const failed = await injector.run({ code: 'EIO', calls: 'all' }, at, () => convert(root, { to }))
        const where = `call ${String(at)} (${failed.calls[at - 1] ?? 'none'})`
        injected++
        if (failed.error !== undefined) {
          const codes: string[] = []
          for (let each: unknown = failed.error; each instanceof Error; each = each.cause)
            codes.push(codeOf(each))
          assert.ok(codes.includes('EIO'), `${where}: ${(failed.error as Error).message}`)
          if (isConverting(root)) {
            halfWay++
            await assert.rejects(
              open({ root }),
              (refusal) => codeOf(refusal) === 'ERR_STORE_CONVERTING',
              where,
            )
          } else {
            assert.deepEqual(await digests(root), same, where)
          }
        }
        // A trial that could not be unmounted stays while its process lives: nobody's call goes on over it.
        const mounted = await mountsBelow(root)
        for (const path of mounted) {
          assert.match(path, /\/\.graphdriver-probe-/, where)
          await umount2(path)
        }
        assert.deepEqual(openDescriptors(), descriptors, where)
        await convert(root, { to })
        assert.equal(isConverting(root), false, where)
        assert.deepEqual(await digests(root), same, where)
      }
      assert.ok(halfWay > 0, 'none failed in the middle')
    })
  }
})
