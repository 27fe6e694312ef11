import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { open } from 'graphdriver'
import { ids, lay, useFixture } from './fixture.ts'

/** What a kernel answers that does not tell what aufs was built for. */
function silent(version: string | undefined): Record<string, string | undefined> {
  return {
    '/sys/fs/aufs/config': undefined,
    '/proc/config.gz': undefined,
    '/sys/module/aufs/version': version === undefined ? undefined : `${version}\n`,
  }
}

describe('the most branches of aufs', () => {
  const store = useFixture()

  for (const mostBranches of [127, 511, 1023]) {
    it(`finds out that ${String(mostBranches)} branches are the most where the kernel does not tell`, async () => {
      store.boot({ mostBranches }, { files: silent(`built for ${String(mostBranches)}`) })
      const graph = await store.open()
      const { aufs } = await graph.info()
      assert.deepEqual([aufs!.branchLimit, aufs!.branchLimitFrom], [mostBranches, 'tried'])
      assert.deepEqual(
        readdirSync(store.root).filter((name) => name.startsWith('.')),
        [],
      )
      await graph.close()
      // Once a process.
      store.kernel.calls.length = 0
      const again = await open({ root: store.root, driver: 'aufs', sync: 'none' })
      assert.ok(store.kernel.calls.length < 4)
      assert.equal((await again.info()).aufs!.branchLimit, mostBranches)
      await again.close()
    })
  }

  it('says it when a layer is made that would be one too many', async () => {
    store.boot({ mostBranches: 127 }, { files: silent('built for so many') })
    const graph = await store.open()
    lay(store, ids(127))
    await assert.rejects(graph.create('more', { parent: ids(127).at(-1)! }), {
      code: 'ERR_TOO_MANY_LAYERS',
      message: /takes 126 below/,
    })
    await graph.close()
  })

  it('assumes the least where nothing can be found out', async () => {
    store.boot({ mostBranches: 511 }, { files: silent(undefined), contexts: false })
    store.kernel.failures.push({ call: 'remount', code: 'ENOMEM' })
    const graph = await store.open()
    assert.equal(new Map(await graph.status()).get('Branch Limit'), '127 (assumed)')
    const asked = await store.open({ aufs: { maxBranches: 200 } })
    assert.equal(new Map(await asked.status()).get('Branch Limit'), '200 (as asked for)')
    await graph.close()
  })
})
