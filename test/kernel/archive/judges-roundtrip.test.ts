import assert from 'node:assert/strict'
import { createReadStream, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { probe } from 'graphdriver'
import { compareTrees, type Indifferent } from './judges/facts.ts'
import { buildStack, plantLayer, saveDiff, stackIds, withStore } from './judges/ours.ts'
import { richTree } from './judges/rich-tree.ts'
import { describeAsRoot, scratch } from './judges/tools.ts'

/** A tar has no sockets, and of the root only what is not as usual. */
const indifferent: Indifferent = (field, path, { kind }) =>
  kind === 'socket' || (path === '' && field === 'mtime')

const reports = await probe(tmpdir())

describeAsRoot('a layer out of one store and into another', () => {
  for (const { driver, supported, reason } of reports) {
    const [alone, stacked] = [
      `${driver}: a base layer with everything in it is as it was, and gives the same bytes`,
      `${driver}: layers on one another show what they showed`,
    ]
    if (!supported) {
      for (const title of [alone, stacked]) it.skip(`${title} (${reason ?? 'no reason given'})`)
      continue
    }
    const at = scratch('round')

    it(alone, async () => {
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

    it(stacked, async () => {
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
