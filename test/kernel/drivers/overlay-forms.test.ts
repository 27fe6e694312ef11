import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OverlayForm, SyscallError } from 'graphdriver'
import {
  mountPoints,
  names,
  rejects,
  snapshot,
  stack,
  TestStore,
  useStore,
  within,
} from '../../contract/support.ts'
import { itUnless } from '../../skip.ts'
import { describeMounts } from '../namespace.ts'
import { chainIds, formSince, itSince, makeChain, mountedOptions } from './support.ts'

const forms: OverlayForm[] = ['mount', 'fsconfig', 'relative']

describeMounts('overlay mounts', () => {
  // One chain for all: making it takes longer than all that is done with it.
  const store = new TestStore('overlay')
  const ids = chainIds(501)
  before(async () => {
    await store.begin()
    await (await store.open()).close()
    makeChain(store, ids)
  })
  after(async () => assert.deepEqual(await store.end(), []))

  /** A new layer with so many below it is mounted, shows every file, and can be written to. */
  async function shows(form: OverlayForm, below: readonly string[]): Promise<void> {
    const graph = await store.open({ overlay: { form } })
    const [base] = below
    const before = await snapshot(store.at('diff', base!))
    await graph.create('top', { parent: below.at(-1)! })
    await within(graph, 'top', async (path) => {
      assert.deepEqual(await names(path), [...below].sort())
      await writeFile(join(path, base!), 'changed')
      await writeFile(join(path, 'more'), '')
      assert.equal(await readFile(join(path, base!), 'utf8'), 'changed')
    })
    assert.deepEqual(await snapshot(store.at('diff', base!)), before)
    assert.deepEqual(await names(store.at('diff/top')), [base!, 'more'].sort())
    await graph.remove('top')
    await graph.close()
  }

  for (const [form, counts] of [
    ['mount', [1, 2, 16, 30]],
    ['fsconfig', [1, 2, 16, 100, 499, 500]],
    ['relative', [1, 2, 16, 100, 499, 500]],
    ['auto', [1, 100, 500]],
  ] as const) {
    for (const count of counts) {
      itSince(formSince(form), `${String(count)} lower layers by ${form}`, () =>
        shows(form, ids.slice(0, count)),
      )
    }
  }

  it('500 lower layers by the numbers of their descriptors, where their names do not fit', async () => {
    const long = chainIds(500, 'long-'.repeat(20))
    makeChain(store, long)
    await shows('relative', long)
  })

  it('no more by mount(2) than fit a page: E2BIG, no mount, no reference', async () => {
    const graph = await store.open({ overlay: { form: 'mount' } })
    await rejects(graph.mounts('l500', { readOnly: true }), 'ERR_TOO_MANY_LAYERS')
    await rejects(graph.get('l500'), 'E2BIG')
    assert.deepEqual(await mountPoints(store.root), [])
    assert.equal((await graph.list()).filter(({ inUse }) => inUse).length, 0)
  })

  it('as many by mount(2) as fit a page, to the last byte', async () => {
    const graph = await store.open({ overlay: { form: 'mount' } })
    let [fits, fails] = [1, 499]
    while (fails - fits > 1) {
      const middle = (fits + fails) >> 1
      const [mount] = await graph.mounts(ids[middle]!)
      const bytes = Buffer.byteLength(mount!.options.slice(1).join(','))
      if (bytes < 4096) fits = middle
      else fails = middle
    }
    await within(graph, ids[fits]!, async (path) => {
      assert.equal((await names(path)).length, fits + 1)
    })
    await rejects(graph.get(ids[fails]!), 'E2BIG')
  })

  for (const form of ['fsconfig', 'relative'] as const) {
    itSince(formSince(form), `a frozen layer above 499 by ${form}: 500 in all`, async () => {
      const graph = await store.open({ overlay: { form } })
      await within(graph, 'l499', async (path) => {
        assert.equal((await names(path)).length, 500)
        await rejects(writeFile(join(path, 'more'), ''), 'EROFS')
      })
    })
  }
})

describeMounts('an overlay store whose root', () => {
  const store = useStore('overlay', false)
  const strange = {
    'has a comma': 'a,b',
    'has a colon': 'a:b',
    'has a backslash': 'a\\b',
    'ends in a backslash': 'ab\\',
    'has a space': 'a b',
    'has a tab and a line break': 'a\tb\nc',
    'has quotation marks': 'a"b\'c',
    'has a number sign and an equals sign': '#a=b',
    'is not ASCII': 'ünïcödé-漢字',
    'has all of these': ' "\\,:=\t\né\'#',
    'is longer than 255 bytes': `${'d'.repeat(200)}/${'e'.repeat(200)}`,
    'is longer, with commas and colons': `${'d,'.repeat(100)}/${'e:'.repeat(100)}`,
    'is so long that two layers fill a page': Array(5).fill('f'.repeat(250)).join('/'),
  }
  for (const [title, name] of Object.entries(strange)) {
    for (const form of ['auto', ...forms] as const) {
      if (form === 'mount' && name.length > 1000) continue
      itSince(formSince(form), `${title}, by ${form}`, async () => {
        store.root = store.at(...name.split('/'))
        const overlay = { form }
        const [first, second] = [await store.open({ overlay }), await store.open({ overlay })]
        const ids = ['base', 'middle', 'top']
        makeChain(store, ids)
        const path = await first.get('top')
        assert.deepEqual(await names(path), ids)
        await writeFile(join(path, 'more'), 'text')
        // The second one finds the mount, and has to see that it is this layer's.
        assert.equal(await second.get('top'), path)
        assert.equal(await readFile(join(path, 'more'), 'utf8'), 'text')
        await first.put('top')
        await second.put('top')
        assert.deepEqual(await mountPoints(store.root), [])
        await within(first, 'middle', async (frozen) =>
          assert.deepEqual(await names(frozen), ['base', 'middle']),
        )
        await first.remove('top')
        assert.equal(await first.exists('top'), false)
      })
    }
  }
})

describeMounts('the path of a layer', () => {
  const store = useStore('overlay', false)

  for (const bytes of [254, 255, 256, 257]) {
    itSince(
      formSince('fsconfig'),
      `may have ${String(bytes)} bytes when layers are given one by one`,
      async () => {
        store.root = store.at('p'.repeat(bytes - store.at('x', 'diff', 'top').length + 1))
        const graph = await store.open({ overlay: { form: 'fsconfig' } })
        makeChain(store, ['one', 'two', 'top'])
        assert.equal(store.at('diff', 'one').length, bytes)
        await within(graph, 'top', async (path) => {
          assert.deepEqual(await names(path), ['one', 'top', 'two'])
          await writeFile(join(path, 'more'), '')
        })
        assert.deepEqual(await names(store.at('diff', 'top')), ['more', 'top'])
      },
    )
  }
})

describeMounts('options of overlay', () => {
  const store = useStore('overlay', false)

  async function shown(overlay: object): Promise<string[]> {
    const graph = await store.open({ overlay })
    await graph.create('base')
    await graph.create('top', { parent: 'base' })
    await writeFile(store.at('diff/base/file'), 'x'.repeat(10_000))
    return within(graph, 'top', mountedOptions)
  }

  const cases: [overlay: object, word: string, since?: string][] = [
    [{ index: true }, 'index=on'],
    [{ metacopy: true, redirectDir: 'on' }, 'metacopy=on'],
    [{ redirectDir: 'on' }, 'redirect_dir=on'],
    [{ redirectDir: 'nofollow' }, 'redirect_dir=nofollow'],
    [{ volatile: true }, 'volatile'],
    [{ index: true, nfsExport: true }, 'nfs_export=on'],
    [{ uuid: 'null' }, 'uuid=null', '6.6'],
    [{ uuid: 'on' }, 'uuid=on', '6.6'],
  ]
  for (const [overlay, word, since] of cases) {
    for (const form of forms) {
      itSince(
        form === 'fsconfig' ? formSince(form) : (since ?? formSince(form)),
        `${JSON.stringify(overlay)} is ${word}, by ${form}`,
        async () => {
          const options = await shown({ ...overlay, form })
          // Linux 6.17 has another word for this one.
          const words = word === 'volatile' ? [word, 'fsync=volatile'] : [word]
          assert.ok(
            words.some((one) => options.includes(one)),
            options.join(),
          )
        },
      )
    }
  }

  for (const form of forms) {
    itSince(formSince(form), `are off unless asked for, by ${form}`, async () => {
      const options = await shown({ form })
      for (const word of [
        'index=on',
        'metacopy=on',
        'redirect_dir=on',
        'nfs_export=on',
        'volatile',
        'fsync=volatile',
      ]) {
        assert.equal(options.includes(word), false, options.join())
      }
    })
  }

  it('that the kernel shows only where they matter are taken', async () => {
    await shown({ xino: 'on', redirectDir: 'follow', uuid: 'off' })
  })

  it('left off: a change of the mode alone copies the data', async () => {
    await shown({})
    await within(await store.open(), 'top', (path) => chmod(join(path, 'file'), 0o600))
    assert.equal((await readFile(store.at('diff/top/file'))).length, 10_000)
  })

  it('volatile: the layer can be had again and again', async () => {
    await shown({ volatile: true })
    const graph = await store.open({ overlay: { volatile: true } })
    for (const name of ['one', 'two', 'three']) {
      await within(graph, 'top', (path) => writeFile(join(path, name), ''))
    }
    assert.deepEqual(await names(store.at('diff/top')), ['one', 'three', 'two'])
  })

  it('volatile once: without it the layer is refused, and the error says why', async () => {
    await shown({ volatile: true })
    const graph = await store.open()
    const error = await rejects(graph.get('top'), 'EINVAL')
    assert.match(error.detail ?? '', /volatile/)
    assert.deepEqual(await mountPoints(store.root), [])
  })

  const labels = existsSync('/sys/fs/selinux/enforce')
    ? 'this kernel has SELinux, and takes labels'
    : undefined
  itUnless(
    labels,
    'a mount label on a kernel that knows none is refused, and the error says why',
    async () => {
      const graph = await store.open()
      await stack(graph, ['base', 'top'])
      const mountLabel = 'system_u:object_r:container_file_t:s0:c1,c2'
      const error = await rejects(graph.get('top', { mountLabel }), 'EINVAL')
      assert.match(error.detail ?? '', /SELinux|context/)
      assert.deepEqual(await mountPoints(store.root), [])
      assert.equal((await graph.list()).find(({ id }) => id === 'top')!.inUse, false)
    },
  )

  it('a failure is explained: a layer below that is missing', async () => {
    const graph = await store.open()
    for (const [id, parent] of [['base'], ['middle', 'base'], ['top', 'middle']] as const) {
      await graph.create(id, parent === undefined ? {} : { parent })
    }
    await rmdir(store.at('diff/base'))
    const error = await rejects(graph.get('top'), 'ERR_LAYER_CORRUPT')
    assert.equal(error.path, store.at('diff/base'))
    const cause = error.cause as SyscallError
    assert.deepEqual([cause.code, cause.path], ['ENOENT', store.at('mnt/top')])
    assert.ok(cause.detail?.includes(store.at('diff/base')), cause.detail)
    await mkdir(store.at('diff/base'))
  })
})
