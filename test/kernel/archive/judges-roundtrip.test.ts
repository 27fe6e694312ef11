import assert from 'node:assert/strict'
import { createReadStream, readFileSync } from 'node:fs'
import { describeAsRoot } from '../namespace.ts'
import { allDrivers, itOn } from '../working-drivers.ts'
import { compareTrees, type Indifferent } from './judges/facts.ts'
import { buildStack, plantLayer, saveDiff, stackIds, withStore } from './judges/ours.ts'
import { richTree } from './judges/rich-tree.ts'
import { scratch } from './judges/tools.ts'

/** A tar has no sockets, and of the root only what is not as usual. */
const indifferent: Indifferent = (field, path, { kind }) =>
  kind === 'socket' || (path === '' && field === 'mtime')

describeAsRoot('a layer out of one store and into another', () => {
  const at = scratch('round')
  for (const driver of allDrivers) {
    const alone = `${driver}: a base layer with everything in it is as it was, and gives the same bytes`
    itOn(driver, alone, async () => {
      await withStore(at('one'), driver, async (one) => {
        const tree = await plantLayer(one, 'layer', richTree())
        await saveDiff(one, 'layer', at('out.tar'))
        await withStore(at('other'), driver, async (other) => {
          await other.create('layer', { from: createReadStream(at('out.tar')) })
          assert.deepEqual(compareTrees(tree, (await other.layout('layer')).diff, indifferent), [])
          await saveDiff(other, 'layer', at('again.tar'))
        })
      })
      assert.ok(readFileSync(at('out.tar')).equals(readFileSync(at('again.tar'))))
    })

    itOn(driver, `${driver}: layers on one another show what they showed`, async () => {
      await withStore(at('one'), driver, async (one) => {
        await buildStack(one)
        await withStore(at('other'), driver, async (other) => {
          for (const [number, id] of stackIds.entries()) {
            await saveDiff(one, id, at(`${id}.tar`))
            const parent = stackIds[number - 1]
            await other.create(id, { ...(parent && { parent }), from: createReadStream(at(`${id}.tar`)) })
          }
          const top = stackIds.at(-1)!
          const views = [await one.get(top), await other.get(top)] as const
          assert.deepEqual(compareTrees(...views, indifferent), [])
          for (const graph of [one, other]) await graph.put(top)
        })
      })
    })
  }
})
