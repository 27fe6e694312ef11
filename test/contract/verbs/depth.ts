import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { names, rejects, stack, text, traitsOf, useStore, within } from '../support.ts'

export function depth(driver: string): void {
  const { ancestors, union } = traitsOf(driver)
  const limited = ancestors < 600

  describe('a chain of 600 layers', () => {
    const store = useStore(driver)

    it(limited ? `ends with the layer that has ${String(ancestors)} ancestors` : 'can be had', async () => {
      const ids = Array.from({ length: limited ? ancestors + 1 : 600 }, (_, at) => `l${String(at)}`)
      for (const [at, id] of ids.entries()) {
        const parent = ids[at - 1]
        await store.graph.create(id, parent === undefined ? {} : { parent })
        // By hand, beside the driver: in a copy only into the one layer that waits for none.
        if (at % 100 === 0 && (union || at === 0)) await writeFile(store.at('diff', id, id), id)
      }
      const last = ids.at(-1)!
      if (limited) {
        await rejects(store.graph.create('more', { parent: last }), 'ERR_TOO_MANY_LAYERS')
        assert.equal(await store.graph.exists('more'), false)
      }
      assert.equal((await text(store.at('layers', last))).split('\n').length, ids.length)
      await within(store.graph, last, async (path) => {
        const wanted = ids.filter((_, at) => at % 100 === 0)
        assert.deepEqual(await names(path), limited ? [...wanted].sort() : ['l0'])
        await writeFile(join(path, 'own'), '')
      })
    })
  })

  describe('a stack of 60 layers', () => {
    const store = useStore(driver)

    it('shows the files of all', async () => {
      const ids = Array.from({ length: 60 }, (_, at) => `layer-${String(at).padStart(2, '0')}`)
      await stack(store.graph, ids, (path, id) => writeFile(join(path, id), id))
      await within(store.graph, ids.at(-1)!, async (path) => {
        assert.deepEqual(await names(path), ids)
      })
      for (const id of [...ids].reverse()) await store.graph.remove(id)
      assert.deepEqual(await names(store.at('diff')), [])
    })
  })
}
