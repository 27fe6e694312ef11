import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { type GraphDriver, open } from 'graphdriver'
import { describeAsRoot } from '../namespace.ts'
import { allDrivers, describeOn, itOn } from '../working-drivers.ts'
import { writeAufsStore } from './judges/aufs-form.ts'
import { compareTrees, type Indifferent } from './judges/facts.ts'
import { buildStack, saveDiff, stackIds, withStore } from './judges/ours.ts'
import { itJudged, scratch } from './judges/tools.ts'
import { umociUnpack } from './judges/umoci.ts'

const [top, middle] = [stackIds.at(-1)!, stackIds[2]!]

/** Sockets are in no tar; the root is made by whoever unpacks. */
const indifferent: Indifferent = (field, path, { kind }) =>
  kind === 'socket' || (path === '' && field === 'mtime')

function stacks(driver: string): void {
  const at = scratch('stack', 'suite')

  before(() => withStore(at('store'), driver, buildStack))

  /** What umoci makes of these tars against what the highest layer shows. */
  async function judge(image: string, make: (graph: GraphDriver) => Promise<string[]>): Promise<string[]> {
    return withStore(at('store'), driver, async (graph) => {
      mkdirSync(at(image))
      const unpacked = umociUnpack(at(image), await make(graph))
      const view = await graph.get(top)
      try {
        return compareTrees(view, unpacked, indifferent)
      } finally {
        await graph.put(top)
      }
    })
  }

  itJudged(['umoci'], 'each layer against the one below it', async () => {
    const differences = await judge('each', async (graph) => {
      for (const id of stackIds) await saveDiff(graph, id, at(`${id}.tar`))
      return stackIds.map((id) => at(`${id}.tar`))
    })
    assert.deepEqual(differences, [])
  })

  for (const [number, parent] of ['base', middle].entries()) {
    itJudged(
      ['umoci'],
      `the highest against the ${number === 0 ? 'lowest' : 'one in the middle'}`,
      async () => {
        const differences = await judge(`against-${parent}`, async (graph) => {
          const between = stackIds.slice(0, stackIds.indexOf(parent) + 1)
          for (const id of between) await saveDiff(graph, id, at(`${id}.tar`))
          await saveDiff(graph, top, at('difference.tar'), parent)
          return [...between.map((id) => at(`${id}.tar`)), at('difference.tar')]
        })
        assert.deepEqual(differences, [])
      },
    )
  }
}

describeAsRoot('layers as tars, stacked by umoci, give the tree that their own view shows', () => {
  for (const driver of allDrivers) describeOn(driver, driver, () => stacks(driver))
})

describeAsRoot('layers in the form of aufs', () => {
  const at = scratch('aufs')

  itOn('overlay', 'give the same bytes as those of overlay with the same contents', async () => {
    const branches = await withStore(at('store'), 'overlay', async (graph) => {
      await buildStack(graph)
      for (const id of stackIds) await saveDiff(graph, id, at(`${id}.tar`))
      return Promise.all(stackIds.map(async (id) => ({ id, diff: (await graph.layout(id)).diff })))
    })
    writeAufsStore(at('aufs'), branches)
    const graph = await open({ root: at('aufs'), driver: 'aufs', readOnly: true })
    for (const id of stackIds) await saveDiff(graph, id, at(`${id}.aufs.tar`))
    await graph.close()
    const bytes = (name: string): Buffer => readFileSync(at(name))
    const unlike = stackIds.filter((id) => !bytes(`${id}.tar`).equals(bytes(`${id}.aufs.tar`)))
    assert.deepEqual(unlike, [])
  })
})
