import assert from 'node:assert/strict'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  AT_FDCWD,
  copyTreeSync,
  mknodatSync,
  mountSync,
  setxattrSync,
  umount2Sync,
  utimensatSync,
} from 'graphdriver/sys'
import { entries } from '#lib/archive/entries.js'
import { packDifference, type PackDifferenceOptions, packDifferenceTo } from '#lib/archive/pack-difference.js'
import { unpack } from '#lib/archive/unpack.js'
import type { LayerForm } from '#lib/sys/layer-form.js'
import { LONG } from '../../figures.ts'
import { describeMounts, openDescriptors } from '../namespace.ts'
import { seeded } from '../store/support.ts'
import { describeAsRoot, list, stack } from './changes/cases.ts'
import { bytesOf, put } from './changes/layers.ts'
import { edited, type Tree } from './changes/model.ts'

const rounds = LONG ? 300 : 15

/** The tar's entries in a few words each: `d/`, `d/f`, `d/g = d/f`, `link > target`. */
async function packed(options: PackDifferenceOptions): Promise<string[]> {
  const found: string[] = []
  for await (const { name, type, linkname } of entries(packDifference(options))) {
    const joint = { link: ' = ', symlink: ' > ' }[type as string] ?? ''
    found.push(name.toString('latin1') + (joint === '' ? '' : `${joint}${linkname!.toString('latin1')}`))
  }
  return found
}

/** Which names are joined: each group of several, sorted. */
function groupsOf(root: string): string[][] {
  const groups = new Map<bigint, string[]>()
  for (const name of readdirSync(root, { recursive: true, encoding: 'latin1' } as never)) {
    const stat = lstatSync(bytesOf(root, name), { bigint: true })
    if (stat.isDirectory()) continue
    groups.set(stat.ino, [...(groups.get(stat.ino) ?? []), name])
  }
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.sort())
    .sort()
}

function copyOf(scratch: string, from: string): string {
  const to = stack(scratch, 'plain', {})[0]!
  copyTreeSync(from, to)
  return to
}

describeAsRoot('packDifference', (scratch) => {
  for (const form of ['plain', 'aufs', 'overlay', 'overlay-user'] as const) {
    it(`${form}: each directory, its whiteouts, its entries; directories on the way, as they are`, async () => {
      const base = {
        'a/': '',
        'a/b/': '',
        'a/b/f': '1',
        'a/g': '1',
        'kept/': '',
        'kept/f': '1',
        was: '1',
        z: '1',
      }
      const now = {
        'a/': '',
        'a/b/': '',
        'a/b/f': '22',
        'kept/': '',
        'kept/f': '1',
        'was/': '',
        'was/f': '',
        new: '1',
      }
      const [before] = stack(scratch(), 'plain', base) as [string]
      const [after] = stack(scratch(), 'plain', now) as [string]
      assert.deepEqual(await packed({ layers: [after], parents: [before], form }), [
        '.wh.z',
        'a/',
        'a/.wh.g',
        'a/b/',
        'a/b/f',
        'new',
        'was/',
        'was/f',
      ])
    })
  }

  it('the same as a stack of layers, whatever their form', async () => {
    const [base, top] = [
      { 'd/': '', 'd/a': '1', 'd/b/': '', 'd/b/c': '1', e: '1' },
      { 'd/': '', 'd/!': null, 'd/b/': '', 'd/new': '1', e: null },
    ]
    for (const form of ['aufs', 'overlay'] as const) {
      const layers = stack(scratch(), form, top, base)
      const wanted = ['.wh.e', 'd/', 'd/.wh.a', 'd/b/', 'd/b/.wh.c', 'd/new']
      assert.deepEqual(await packed({ layers, parents: layers.slice(1), form }), wanted)
      const back = ['d/', 'd/.wh.new', 'd/a', 'd/b/', 'd/b/c', 'e']
      assert.deepEqual(await packed({ layers: layers.slice(1), parents: layers, form }), back)
    }
  })

  it('the root has an entry when its attributes differ, and of a new one when they are not the usual', async () => {
    const [a, b] = stack(scratch(), 'plain', {}, {}) as [string, string]
    assert.deepEqual(await packed({ layers: [a], parents: [] }), ['./'])
    for (const each of [a, b]) chmodSync(each, 0o755)
    assert.deepEqual(await packed({ layers: [a], parents: [b] }), [])
    assert.deepEqual(await packed({ layers: [a], parents: [] }), [])
    chmodSync(a, 0o711)
    assert.deepEqual(await packed({ layers: [a], parents: [b] }), ['./'])
    chmodSync(a, 0o755)
    setxattrSync(a, 'user.note', Buffer.from('1'))
    assert.deepEqual(await packed({ layers: [a], parents: [b] }), ['./'])
    assert.deepEqual(await packed({ layers: [a], parents: [] }), ['./'])
  })

  it('names that would delete something are left out, with all below and with a warning', async () => {
    const names = { '.wh.f': '', '.wh.d/': '', '.wh.d/f': '', '.wh.d/g/': '', 'e/': '', 'e/.wh.': '' }
    const [now, none] = stack(scratch(), 'plain', { ...names, '.wh.dz': '', x: '' }, {}) as [string, string]
    const file = await open(join(scratch(), 'tar'), 'w+')
    const { warnings } = await packDifferenceTo(file, { layers: [now], parents: [none] })
    const expected = ['.wh.d', '.wh.dz', '.wh.f', 'e/.wh.']
    assert.deepEqual(
      warnings.map(({ code, path }) => `${code} ${path}`),
      expected.map((path) => `RESERVED_NAME ${path}`),
    )
    await file.close()
    assert.deepEqual(await packed({ layers: [now], parents: [none] }), ['e/', 'x'])
    assert.deepEqual(await packed({ layers: [none], parents: [now] }), ['.wh.e', '.wh.x'])
  })

  it('sockets are left out with a warning, and what one took the place of is deleted', async () => {
    const [now, before] = stack(
      scratch(),
      'plain',
      { 'd/': '' },
      { 'd/': '', 'd/file': '', 'd/was': '' },
    ) as [string, string]
    const S_IFSOCK = 0o140000
    for (const name of ['d/file', 'd/new', 'both']) mknodatSync(AT_FDCWD, join(now, name), S_IFSOCK, 0, 0)
    unlinkSync(join(before, 'd/was'))
    for (const name of ['d/was', 'both']) mknodatSync(AT_FDCWD, join(before, name), S_IFSOCK, 0, 0)
    const options = { layers: [now], parents: [before] }
    assert.deepEqual(await packed(options), ['d/', 'd/.wh.file'])
    const file = await open(join(scratch(), 'tar'), 'w+')
    const { warnings } = await packDifferenceTo(file, options)
    await file.close()
    assert.deepEqual(
      warnings.map(({ code, path }) => `${code} ${path}`),
      ['SOCKET both', 'SOCKET d/file', 'SOCKET d/new'],
    )
  })

  it('times: exact, or whole seconds', async () => {
    const [now] = stack(scratch(), 'plain', { f: '1' }) as [string]
    for (const [times, wanted] of [
      ['exact', 1_500_000_000_123_456_789n],
      ['seconds', 1_500_000_000_000_000_000n],
    ] as const) {
      for await (const { name, mtime } of entries(packDifference({ layers: [now], parents: [], times }))) {
        if (name.toString() === 'f') assert.equal(mtime, wanted)
      }
    }
  })

  it('a failure names the file’s whole path; no descriptor is left, not after an abort either', async () => {
    const [now] = stack(scratch(), 'plain', { f: '1' }) as [string]
    const missing = join(scratch(), 'missing')
    const before = openDescriptors()
    for (const [layers, parents] of [
      [[missing], [now]],
      [[now], [missing]],
    ]) {
      await assert.rejects(packed({ layers: layers!, parents: parents! }), { code: 'ENOENT', path: missing })
    }
    const cause = new Error('enough')
    await assert.rejects(packed({ layers: [now], parents: [], signal: AbortSignal.abort(cause) }), cause)
    const stream = packDifference({ layers: [now], parents: [] })
    stream.destroy()
    assert.deepEqual(openDescriptors(), before)
  })

  const mtime = 1_500_000_000_123_456_789n
  /** Copies of one tree with links, and what a program did to one of them. */
  async function relinked(edit: (at: (name: string) => string) => void): Promise<string[]> {
    const [before] = stack(scratch(), 'plain', { 'd/': '', 'd/f': '1', s: '1', t: '1' }) as [string]
    for (const name of ['d/g', 'h']) linkSync(join(before, 'd/f'), join(before, name))
    chmodSync(before, 0o755)
    const now = copyOf(scratch(), before)
    edit((name) => join(now, name))
    const found = await packed({ layers: [now], parents: [before] })
    const target = copyOf(scratch(), before)
    await unpack(target, packDifference({ layers: [now], parents: [before] }), { form: 'plain' })
    assert.deepEqual(await list({ layers: [target], parents: [now], judge: 'exact' }), [])
    assert.deepEqual(groupsOf(target), groupsOf(now))
    return found
  }
  const again = (path: string, content: string): void => {
    unlinkSync(path)
    writeFileSync(path, content)
    utimensatSync(AT_FDCWD, path, mtime, mtime)
  }

  it('names that are joined as before, and unchanged, are not written', async () => {
    assert.deepEqual(await relinked(() => undefined), [])
    assert.deepEqual(await relinked((at) => rmSync(at('s'))), ['.wh.s'])
  })

  it('a changed file is written by all its names', async () => {
    const edit = (at: (name: string) => string): void => writeFileSync(at('h'), '22')
    assert.deepEqual(await relinked(edit), ['d/', 'd/f', 'd/g = d/f', 'h = d/f'])
  })

  it('so is one with a new name', async () => {
    const edit = (at: (name: string) => string): void => linkSync(at('d/g'), at('new'))
    assert.deepEqual(await relinked(edit), ['d/', 'd/f', 'd/g = d/f', 'h = d/f', 'new = d/f'])
  })

  it('a name less needs no more than its whiteout', async () => {
    assert.deepEqual(await relinked((at) => unlinkSync(at('d/g'))), ['d/', 'd/.wh.g'])
  })

  it('what is joined now and was not, though it looks the same, is written', async () => {
    const edit = (at: (name: string) => string): void => {
      unlinkSync(at('t'))
      linkSync(at('s'), at('t'))
    }
    assert.deepEqual(await relinked(edit), ['s', 't = s'])
  })

  it('what was joined and is no more, though it looks the same, is written', async () => {
    assert.deepEqual(await relinked((at) => again(at('d/g'), '1')), ['d/', 'd/f', 'd/g', 'h = d/f'])
  })

  it('a name that left for a file of its own leaves the others alone', async () => {
    assert.deepEqual(await relinked((at) => again(at('d/g'), '22')), ['d/', 'd/g'])
  })

  it('links and their names', async () => {
    const edit = (at: (name: string) => string): void => {
      symlinkSync('x', at('l'))
      linkSync(at('l'), at('d/m'))
    }
    assert.deepEqual(await relinked(edit), ['d/', 'd/m > x', 'l = d/m'])
  })

  it('in unions too: names of an untouched directory are found where they matter', async () => {
    for (const form of ['aufs', 'overlay'] as const) {
      const [upper, base] = stack(
        scratch(),
        form,
        { 'd/': '', 'd/f': '22' },
        { 'd/': '', 'd/f': '1', 'same/': '', 'same/s': '1' },
      ) as [string, string]
      linkSync(join(base, 'd/f'), join(base, 'same/g'))
      // The file comes back, and is joined to a name in a directory that looks the same in both.
      const options = { layers: [base], parents: [upper, base], form }
      assert.deepEqual(await packed(options), ['d/', 'd/f', 'same/', 'same/g = d/f'])
    }
  })
})

describeAsRoot(`packDifference: ${rounds} random pairs of trees, packed and unpacked`, (scratch) => {
  function write(tree: Tree, links: readonly (readonly [string, string])[]): string {
    const [root] = stack(scratch(), 'plain', {}) as [string]
    chmodSync(root, 0o755)
    for (const [path, node] of tree) put(root, path, node)
    for (const [old, name] of links) linkSync(bytesOf(root, old), bytesOf(root, name))
    return root
  }

  /** Second names for some files: the file's, and the new one. */
  function linksFor(tree: Tree, random: () => number): [string, string][] {
    const files = [...tree].filter(([, node]) => node.type !== 'directory').map(([path]) => path)
    const directories = [
      '',
      ...[...tree].filter(([, node]) => node.type === 'directory').map(([path]) => path),
    ]
    return Array.from({ length: 6 }, (_, index) => {
      const [old, directory] = [files, directories].map((from) => from[Math.floor(random() * from.length)]!)
      return [old!, `${directory === '' ? '' : `${directory!}/`}link-${index}`] as [string, string]
    }).filter(([old]) => old !== undefined)
  }

  for (const form of ['plain', 'aufs', 'overlay'] as const satisfies LayerForm[]) {
    it(`onto a ${form === 'plain' ? 'copy' : `layer below, in the form of ${form}`}`, async () => {
      for (let seed = 1; seed <= rounds; seed++) {
        const random = seeded(seed)
        const old = edited(new Map(), random, 40)
        const tree = edited(old, random, 15)
        const oldLinks = linksFor(old, random)
        const [before, now] = [write(old, oldLinks), write(tree, linksFor(tree, random))]
        const tar = packDifference({ layers: [now], parents: [before] })
        const target = form === 'plain' ? copyOf(scratch(), before) : stack(scratch(), 'plain', {})[0]!
        if (form !== 'plain') chmodSync(target, 0o755)
        await unpack(target, tar, { form })
        const layers = form === 'plain' ? [target] : [target, before]
        assert.deepEqual(await list({ layers, parents: [now], form, judge: 'exact' }), [], `seed ${seed}`)
        if (form === 'plain') assert.deepEqual(groupsOf(target), groupsOf(now), `seed ${seed}`)
        for (const root of [before, now, target]) rmSync(root, { recursive: true })
      }
    })
  }
})

describeMounts('packDifference: mounts', (directory) => {
  it('what is mounted is not entered; there is an entry for it, and a warning', async () => {
    const [now, before] = stack(
      directory(),
      'plain',
      { 'd/': '', 'd/f': '1', 'both/': '' },
      { 'both/': '', 'both/f': '1' },
    ) as [string, string]
    for (const name of ['d', 'both']) {
      mountSync('none', join(now, name), 'tmpfs', 0, null)
      mkdirSync(join(now, name, 'hidden'))
    }
    const file = await open(join(directory(), 'tar'), 'w+')
    const { warnings } = await packDifferenceTo(file, { layers: [now], parents: [before] })
    for (const name of ['d', 'both']) umount2Sync(join(now, name), 0)
    assert.deepEqual(
      warnings.map(({ code, path }) => `${code} ${path}`),
      ['MOUNT_POINT d'],
    )
    const names: string[] = []
    const tar = file.createReadStream({ start: 0 })
    for await (const { name } of entries(tar)) names.push(name.toString())
    assert.deepEqual(names, ['d/'])
  })
})
