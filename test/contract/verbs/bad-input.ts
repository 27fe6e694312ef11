import assert from 'node:assert/strict'
import type { CallOptions, CleanupOptions, PutOptions } from 'graphdriver'
import { rejects, snapshot, stack, useStore, within } from '../support.ts'

const ids: [title: string, id: string][] = [
  ['..', '..'],
  ['.', '.'],
  ['a/b', 'a/b'],
  ['/', '/'],
  ['an empty one', ''],
  ['300 characters', 'x'.repeat(300)],
  ['129 characters', 'x'.repeat(129)],
  ['one with a null byte', 'a\0b'],
  ['one with a line break', 'base\n'],
  ['one with a space', 'a b'],
  ['one with a colon', 'a:b'],
  ['one with a comma', 'a,b'],
  ['one that begins with a dot', '.new-base'],
  ['one that begins with a dash', '-rf'],
  ['one that is not ASCII', 'läyer'],
  ['one that ends in -removing', 'base-removing'],
]

export function badInput(driver: string): void {
  describe('a layer id', () => {
    const store = useStore(driver)

    const verbs: Record<string, (id: string) => Promise<unknown>> = {
      exists: (id) => store.graph.exists(id),
      create: (id) => store.graph.create(id),
      'create, as the parent': (id) => store.graph.create('new', { parent: id }),
      remove: (id) => store.graph.remove(id),
      get: (id) => store.graph.get(id),
      put: (id) => store.graph.put(id),
      use: (id) => store.graph.use(id),
      mounts: (id) => store.graph.mounts(id),
      layout: (id) => store.graph.layout(id),
    }
    for (const [title, id] of ids) {
      it(`such as ${title} is refused by every verb, and nothing is touched`, async () => {
        await stack(store.graph, ['base', 'top'])
        const before = await snapshot(store.root)
        for (const [verb, call] of Object.entries(verbs)) {
          const error = await rejects(call(id), 'ERR_INVALID_LAYER_ID')
          assert.ok(error.message.length < 400, verb)
        }
        assert.deepEqual(await snapshot(store.root), before)
      })
    }

    it('that is no string is a mistake in the program', async () => {
      const before = await snapshot(store.root)
      for (const id of [7, undefined, null, {}, ['base'], Buffer.from('base')]) {
        for (const [verb, call] of Object.entries(verbs)) {
          if (verb.includes('parent') && id === undefined) continue
          await rejects(call(id as string), 'ERR_INVALID_ARG_TYPE')
        }
      }
      assert.deepEqual(await snapshot(store.root), before)
    })

    it('may have 128 characters, of all that are allowed', async () => {
      const long = `0${'aZ_.-'.repeat(30)}`.slice(0, 128)
      await stack(store.graph, [long, '-removing'.slice(1), 'a..b'])
      assert.equal(await store.graph.exists(long), true)
      await within(store.graph, 'a..b', () => Promise.resolve())
    })
  })

  describe('wrong options', () => {
    const store = useStore(driver)

    it('are refused by every verb, and nothing is touched', async () => {
      await stack(store.graph, ['base', 'top'])
      const before = await snapshot(store.root)
      const verbs: ((options: CallOptions) => Promise<unknown>)[] = [
        (options) => store.graph.create('new', options),
        (options) => store.graph.remove('top', options),
        (options) => store.graph.get('top', options),
        (options) => store.graph.put('top', options),
        (options) => store.graph.use('top', options),
        (options) => store.graph.mounts('top', options),
        (options) => store.graph.cleanup(options),
      ]
      for (const verb of verbs) {
        for (const options of [null, 7, 'fast', { signal: 'soon' }, { signal: {} }]) {
          await rejects(verb(options as unknown as CallOptions), 'ERR_INVALID_ARG_TYPE')
        }
      }
      assert.deepEqual(await snapshot(store.root), before)
    })

    it('of one verb are refused by name', async () => {
      await store.graph.create('base')
      for (const options of [{ detach: 'yes' }, { recursive: 1 }]) {
        const [name] = Object.keys(options)
        await rejects(
          store.graph.put('base', options as unknown as PutOptions),
          'ERR_INVALID_ARG_TYPE',
          new RegExp(name!),
        )
      }
      const orphans = { orphans: 'yes' } as unknown as CleanupOptions
      await rejects(store.graph.cleanup(orphans), 'ERR_INVALID_ARG_TYPE', /orphans/)
    })
  })
}
