import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import type { GraphDriver } from 'graphdriver'
import { describeAsRoot } from '../namespace.ts'
import { bsdtarListing } from './judges/bsdtar.ts'
import { compareTrees, factsOf } from './judges/facts.ts'
import { plantLayer, saveDiff, withStore } from './judges/ours.ts'
import { panel } from './judges/panel.ts'
import { isWild, richTree } from './judges/rich-tree.ts'
import { expectRun, itJudged, scratch } from './judges/tools.ts'

/** A layer with everything that a layer may hold, and what programs of others say of its tar. */
describeAsRoot('the tar of a layer with everything in it', () => {
  const at = scratch('ours', 'suite')
  const judges = panel(() => at('go'))
  let tree = ''
  let tame = ''

  const inStore = <T>(work: (graph: GraphDriver) => Promise<T>): Promise<T> =>
    withStore(at('store'), 'vfs', work)

  before(async () => {
    await inStore(async (graph) => {
      tree = await plantLayer(graph, 'all', richTree())
      tame = await plantLayer(
        graph,
        'tame',
        richTree().filter((one) => !isWild(one)),
      )
      for (const id of ['all', 'tame']) await saveDiff(graph, id, at(`${id}.tar`))
    })
  })

  for (const { name, programs, verdict, wild } of judges) {
    itJudged(programs, `is right in the eyes of ${name}`, () => {
      const [tar, directory] = wild ? [at('all.tar'), tree] : [at('tame.tar'), tame]
      assert.deepEqual(verdict(tar, directory), [])
    })
  }

  itJudged(['bsdtar'], 'is read to its end by bsdtar, whatever the names', () => {
    const facts = [...factsOf(tree)].filter(([path, { kind }]) => path !== '' && kind !== 'socket')
    assert.deepEqual(bsdtarListing(at('all.tar')), { names: facts.length, complaints: [] })
  })

  itJudged(['tar'], 'is unpacked by GNU tar as it was, extended attributes included', () => {
    const directory = at('unpacked')
    mkdirSync(directory)
    const words = ['--xattrs', '--xattrs-include=*', '--numeric-owner', '--same-owner', '-xpf', at('all.tar')]
    expectRun('tar', [...words, '-C', directory])
    const differences = compareTrees(tree, directory, (_, path, { kind }) => path === '' || kind === 'socket')
    assert.deepEqual(differences, [])
  })
})
