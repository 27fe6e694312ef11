import assert from 'node:assert/strict'
import { mkdirSync, opendirSync, readFileSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { copyTreeSync, MNT_DETACH, mountSync, umount2Sync } from 'graphdriver/sys'
import { describeAsRoot } from '../namespace.ts'
import { compareTrees } from './judges/facts.ts'
import { plantLayer, saveDiff, withStore } from './judges/ours.ts'
import { richTree } from './judges/rich-tree.ts'
import { itSince } from '../since.ts'
import { scratch } from './judges/tools.ts'

/** The names in a directory as the kernel lists them; readdir() would sort them. */
function orderOf(path: string): string[] {
  const directory = opendirSync(path, { encoding: 'latin1' })
  const names: string[] = []
  for (let entry; (entry = directory.readSync()) !== null;) names.push(entry.name)
  directory.closeSync()
  return names
}

describeAsRoot('the same layer gives the same bytes', () => {
  const at = scratch('same')

  it('each time it is asked', async () => {
    await withStore(at('store'), 'vfs', async (graph) => {
      await plantLayer(graph, 'layer', richTree())
      for (const name of ['first', 'second']) await saveDiff(graph, 'layer', at(name))
    })
    assert.ok(readFileSync(at('first')).equals(readFileSync(at('second'))))
  })

  it('to a file as in a stream', async () => {
    await withStore(at('store'), 'vfs', async (graph) => {
      await plantLayer(graph, 'layer', richTree())
      await saveDiff(graph, 'layer', at('stream'))
      await using handle = await openFile(at('file'), 'w')
      await graph.diffTo('layer', handle)
    })
    assert.ok(readFileSync(at('stream')).equals(readFileSync(at('file'))))
  })

  // Its tmpfs has to take attributes of users.
  itSince('6.6', 'copied to another filesystem, where directories are read in another order', async () => {
    mkdirSync(at('elsewhere'))
    // A tmpfs lists what came last first; the copy is made in the order of the original's listing.
    mountSync('graphdriver-test', at('elsewhere'), 'tmpfs')
    try {
      const here = await withStore(at('here'), 'vfs', (graph) => plantLayer(graph, 'layer', richTree()))
      const elsewhere = await withStore(at('elsewhere', 'store'), 'vfs', (graph) =>
        plantLayer(graph, 'layer', []),
      )
      copyTreeSync(here, elsewhere)
      // Sockets are not copied, and not in a tar either.
      assert.deepEqual(
        compareTrees(here, elsewhere, (_, __, { kind }) => kind === 'socket'),
        [],
      )
      assert.notDeepEqual(orderOf(join(here, 'names')), orderOf(join(elsewhere, 'names')))
      await withStore(at('here'), 'vfs', (graph) => saveDiff(graph, 'layer', at('here.tar')))
      await withStore(at('elsewhere', 'store'), 'vfs', (graph) => saveDiff(graph, 'layer', at('there.tar')))
      assert.ok(readFileSync(at('here.tar')).equals(readFileSync(at('there.tar'))))
    } finally {
      umount2Sync(at('elsewhere'), MNT_DETACH)
    }
  })
})
