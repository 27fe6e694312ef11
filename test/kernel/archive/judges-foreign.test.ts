import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { GraphDriver } from 'graphdriver'
import { installFake } from '../../fake-aufs/install.ts'
import { itUnless } from '../../skip.ts'
import { describeAsRoot } from '../namespace.ts'
import { allDrivers, whyNot, workingDrivers } from '../working-drivers.ts'
import { compareFacts, type Facts, factsOf, type Indifferent } from './judges/facts.ts'
import { foreignTree, layersOf, packers } from './judges/foreign.ts'
import { buildStack, saveDiff, stackIds, withStore } from './judges/ours.ts'
import { plant } from './judges/plant.ts'
import { below, edits } from './judges/stack.ts'
import { expectRun, missingPrograms, scratch } from './judges/tools.ts'
import { umociUnpack } from './judges/umoci.ts'

const SECOND = 1_000_000_000n

/** As a format has them that holds whole seconds only. */
function inSeconds(facts: Facts): Facts {
  return new Map([...facts].map(([path, fact]) => [path, { ...fact, mtime: fact.mtime - mod(fact.mtime) }]))
}

function mod(time: bigint): bigint {
  return ((time % SECOND) + SECOND) % SECOND
}

/** To the nearest second, halves up. */
function rounded(facts: Facts): Facts {
  const half = SECOND / 2n
  return inSeconds(new Map([...facts].map(([path, fact]) => [path, { ...fact, mtime: fact.mtime + half }])))
}

/** Makes a layer; answers the warnings, but for those about labels of this machine's SELinux, which other programs put into their tars. */
async function create(graph: GraphDriver, id: string, file: string, parent?: string): Promise<string[]> {
  const handle = await open(file)
  try {
    const { warnings } = await graph.create(id, { from: handle, ...(parent && { parent }) })
    const told = warnings.map(({ code, path, detail }) => `${code} ${path}: ${detail}`)
    return told.filter((one) => !/^XATTR_DROPPED .*: security\.selinux:/s.test(one))
  } finally {
    await handle.close()
  }
}

describeAsRoot('tars of others', () => {
  const at = scratch('foreign', 'suite')
  for (const packer of packers) {
    const { name, program, holds, exact } = packer
    const place = name.replace(/\W+/g, '-')
    describe(name, () => {
      const tar = at
      const path = (): string => tar(`${place}.tar`)
      const tree = (): string => tar(`${place}.tree`)
      let ready = false
      const prepare = (): void => {
        if (ready) return
        ready = true
        mkdirSync(tree())
        assert.deepEqual(plant(tree(), foreignTree(holds)), [])
        packer.pack(tree(), path(), at())
      }
      // Each driver has to make the same of it.
      for (const driver of allDrivers) {
        const fake = driver === 'aufs' && !workingDrivers.includes(driver)
        const title = `${driver}${fake ? ', on a fake kernel' : ''}: the layer is as the tree was`
        const missing = fake ? undefined : whyNot(driver)
        itUnless(missing ?? missingPrograms([program]), title, async () => {
          prepare()
          const takeAway = fake ? installFake(mkdtempSync(at('fake-'))) : undefined
          try {
            await withStore(at(`${place}.${driver}`), driver, async (graph) => {
              assert.deepEqual(await create(graph, 'layer', path()), [])
              const { diff } = await graph.layout('layer')
              const [wanted, found] = [factsOf(tree()), factsOf(diff)].map(
                exact ? (facts) => facts : inSeconds,
              )
              const indifferent: Indifferent = (field, where) => where === '' && field === 'mtime'
              assert.deepEqual(compareFacts(wanted!, found!, indifferent), [])
            })
          } finally {
            takeAway?.()
          }
        })
      }
    })
  }
})

describeAsRoot('layers that umoci makes of what was changed in its bundle', () => {
  const at = scratch('repack')
  for (const driver of allDrivers) {
    const missing = whyNot(driver) ?? missingPrograms(['umoci'])
    itUnless(missing, `${driver}: show what the bundle holds`, async () => {
      await withStore(at('one'), driver, async (graph) => {
        await buildStack(graph)
        await saveDiff(graph, stackIds[0]!, at('base.tar'))
      })
      const rootfs = umociUnpack(at(), [at('base.tar')])
      // One after the other: a layer deletes and replaces what another has changed.
      for (const [, edit] of edits.slice(0, 2)) {
        edit(below(rootfs))
        const words = ['repack', '--refresh-bundle', '--image', `${at('layout')}:test`, at('bundle')]
        expectRun('umoci', words, { env: { HOME: at() } })
      }
      const layers = layersOf(at('layout'))
      assert.equal(layers.length, 3)
      await withStore(at('other'), driver, async (graph) => {
        let parent: string | undefined
        for (const [number, layer] of layers.entries()) {
          await create(graph, `l${number}`, layer, parent)
          parent = `l${number}`
        }
        const view = await graph.get(parent!)
        try {
          // It brings no entries of directories in which something was changed, and rounds to whole seconds.
          const indifferent: Indifferent = (field, _, { kind }) =>
            kind === 'socket' || (kind === 'directory' && field === 'mtime')
          const [wanted, found] = [rounded(factsOf(rootfs)), rounded(factsOf(view))]
          assert.deepEqual(compareFacts(wanted, found, indifferent), [])
        } finally {
          await graph.put(parent!)
        }
      })
    })
  }
})
