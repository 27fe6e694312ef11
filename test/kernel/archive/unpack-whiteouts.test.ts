import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { mountSync, umount2Sync } from 'graphdriver/sys'
import type { LayerForm } from '#lib/sys/layer-form.js'
import { directory, file, hardlink, header, pax, symlink } from '../../native/tarbytes.ts'
import { describeMounts } from '../namespace.ts'
import { apply, fitsTmpfs, look, onTmpfs, refusal } from './unpack-support.ts'

const forms: readonly LayerForm[] = ['plain', 'aufs', 'overlay', 'overlay-user']

/** What the layer below holds: files by path. */
const lower = ['a', 'd/x', 'd/y', 'd/sub/z', 'e/one', 'e/two']

function fill(root: string): void {
  for (const path of lower) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), `lower ${path}`)
  }
}

/** The files of a tree, by path. */
function filesIn(root: string, path = ''): string[] {
  return readdirSync(join(root, path), { withFileTypes: true })
    .flatMap((entry) => {
      const below = path === '' ? entry.name : `${path}/${entry.name}`
      return entry.isDirectory() ? filesIn(root, below) : [below]
    })
    .sort()
}

/** What an upper directory in aufs's form shows over a lower one, by aufs(5): a model of ours. */
function mergeAufs(upper: string, below: string | undefined, path = ''): string[] {
  const own = readdirSync(join(upper, path))
  const has = (root: string | undefined): string[] => {
    if (root === undefined) return []
    try {
      return readdirSync(join(root, path))
    } catch {
      return []
    }
  }
  const under = own.includes('.wh..wh..opq') ? [] : has(below)
  const shown = new Map<string, string | undefined>()
  for (const name of under) if (!own.includes(`.wh.${name}`)) shown.set(name, below)
  for (const name of own) if (!name.startsWith('.wh.')) shown.set(name, upper)
  return [...shown].flatMap(([name, from]) => {
    const whole = path === '' ? name : `${path}/${name}`
    const merged = under.includes(name) && shown.get(name) === upper ? below : undefined
    if (from === upper) return isDirectory(join(upper, whole)) ? mergeAufs(upper, merged, whole) : [whole]
    return isDirectory(join(below ?? '', whole)) ? filesIn(below ?? '', whole) : [whole]
  })
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** The files that one sees when a tar lies over the lower layer, in a form. */
async function view(top: string, form: LayerForm, parts: readonly Buffer[]): Promise<string[]> {
  const [below, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) =>
    join(top, form, name),
  )
  assert(below && upper && work && merged)
  for (const path of [below, upper, work, merged]) mkdirSync(path, { recursive: true })
  fill(form === 'plain' ? upper : below)
  await apply(upper, parts, { form })
  if (form === 'plain') return filesIn(upper)
  if (form === 'aufs') return mergeAufs(upper, below).sort()
  const user = form === 'overlay-user' ? ',userxattr' : ''
  const options = `lowerdir=${below},upperdir=${upper},workdir=${work}${user}`
  mountSync('overlay', merged, 'overlay', 0, options)
  try {
    return filesIn(merged)
  } finally {
    umount2Sync(merged, 0)
  }
}

const without = (...gone: string[]): string[] =>
  lower.filter((path) => !gone.some((name) => path.startsWith(name)))

/** What one must see in each form; the plain one by deletion, the others through the union. */
const cases: readonly [title: string, parts: Buffer[], seen: string[]][] = [
  ['a file', [file('.wh.a')], without('a')],
  ['a directory', [file('.wh.d')], without('d')],
  ['a file in a directory', [directory('d/'), file('d/.wh.x')], without('d/x')],
  ['in a directory without an entry', [file('d/.wh.x')], without('d/x')],
  ['what is not there', [file('.wh.none'), file('d/.wh.none')], lower],
  ['twice', [file('.wh.a'), file('.wh.a')], without('a')],
  ['an entry before', [file('a', 'new'), file('.wh.a')], lower],
  ['an entry after', [file('.wh.a'), file('a', 'new')], lower],
  ['a directory before', [directory('d'), file('d/new'), file('.wh.d')], [...without('d'), 'd/new']],
  ['a directory after', [file('.wh.d'), directory('d'), file('d/new')], [...without('d'), 'd/new']],
  [
    'a directory that only its file names, before',
    [file('d/new'), file('.wh.d')],
    [...without('d'), 'd/new'],
  ],
  ['a directory that only its file names, after', [file('.wh.d'), file('d/new')], [...without('d'), 'd/new']],
  ['a file below, deeper', [file('.wh.d'), file('d/sub/new')], [...without('d'), 'd/sub/new']],
  ['a link in the place of a directory', [file('.wh.d'), symlink('d', 'e')], [...without('d'), 'd']],
  [
    'a directory in the place of a file',
    [file('.wh.a'), directory('a'), file('a/b')],
    [...without('a'), 'a/b'],
  ],
  ['opaque', [directory('d'), file('d/.wh..wh..opq'), file('d/new')], [...without('d'), 'd/new']],
  [
    'opaque, last',
    [directory('d'), file('d/new'), file('d/x', 'n'), file('d/.wh..wh..opq')],
    [...without('d'), 'd/new', 'd/x'],
  ],
  ['opaque, without an entry', [file('d/.wh..wh..opq')], without('d')],
  [
    'below a file that took the place of a directory',
    [file('d', 'f'), file('d/.wh.x'), file('d/.wh.sub'), file('d/sub/.wh.z'), file('d/.wh..wh..opq')],
    [...without('d'), 'd'],
  ],
  [
    'below a link that took its place, and leads nowhere',
    [symlink('d', 'd'), file('d/.wh.x'), file('d/.wh..wh..opq')],
    [...without('d'), 'd'],
  ],
  [
    'opaque, twice',
    [directory('d'), file('d/.wh..wh..opq'), file('d/n'), file('d/.wh..wh..opq')],
    [...without('d'), 'd/n'],
  ],
  [
    'opaque, and its child brought anew',
    [directory('d'), directory('d/sub'), file('d/sub/n'), file('d/.wh..wh..opq')],
    [...without('d'), 'd/sub/n'],
  ],
  [
    'in an opaque directory, before and after',
    [
      file('d/.wh.x'),
      file('d/sub/.wh.z'),
      directory('d'),
      file('d/.wh..wh..opq'),
      file('d/.wh.y'),
      file('d/sub/.wh.n'),
    ],
    without('d'),
  ],
  [
    'a directory again, after a file',
    [file('d', 'f'), directory('d'), file('d/n')],
    [...without('d'), 'd/n'],
  ],
  [
    'as links of one another, as aufs has them',
    [file('.wh.a'), hardlink('.wh.d', '.wh.a'), hardlink('e/.wh.one', '.wh..wh.aufs')],
    without('a', 'd', 'e/one'),
  ],
  ['by way of a link', [symlink('to', 'd'), file('to/.wh.x')], [...lower, 'to']],
]

describeMounts('unpack: whiteouts', (top) => {
  for (const form of onTmpfs(forms)) {
    for (const [title, parts, wanted] of cases) {
      // In a layer by itself, the link leads to a directory of the layer's own.
      const seen = title === 'by way of a link' ? [...without('d/x'), 'to'] : wanted
      it(`${form}: ${title}`, async () => {
        assert.deepEqual(await view(top(), form, parts), [...seen].sort())
      })
    }
  }

  const modified = [
    file('.wh.gone', '', { mode: 0o777, uid: 5, mtime: 3 }),
    directory('d'),
    file('d/.wh..wh..opq', '', { mode: 0 }),
    file('.wh.back'),
    directory('back'),
  ]
  it('aufs: have the form of the union, whatever the entry says of itself', async () => {
    await apply(join(top(), 'aufs'), modified, { form: 'aufs' })
    assert.deepEqual(look(join(top(), 'aufs')), {
      '.wh.gone': 'file 444 ""',
      back: 'directory 755',
      'back/.wh..wh..opq': 'file 444 ""',
      d: 'directory 755',
      'd/.wh..wh..opq': 'file 444 ""',
    })
  })
  for (const form of onTmpfs(['overlay', 'overlay-user'])) {
    it(`${form}: have the form of the union, whatever the entry says of itself`, async () => {
      await apply(join(top(), form), modified, { form })
      const opaque = `${form === 'overlay' ? 'trusted' : 'user'}.overlay.opaque=y`
      assert.deepEqual(look(join(top(), form)), {
        back: `directory 755 ${opaque}`,
        d: `directory 755 ${opaque}`,
        gone: 'char 0,0 0',
      })
    })
  }

  it('where there is nothing below, plainly nothing is deleted', async () => {
    await apply(join(top(), 'plain'), [
      file('f'),
      file('none/.wh.x'),
      file('f/.wh.x'),
      file('none/.wh..wh..opq'),
    ])
    assert.deepEqual(look(join(top(), 'plain')), { f: 'file 644 ""' })
  })

  it('a second entry of a directory leaves it opaque', async () => {
    await apply(join(top(), 'o'), [file('.wh.d'), directory('d'), directory('d', { mode: 0o700 })], {
      form: 'overlay',
    })
    assert.deepEqual(look(join(top(), 'o')), { d: 'directory 700 trusted.overlay.opaque=y' })
  })

  it('the root of a union cannot be opaque, and that is said', async () => {
    const parts = [file('.wh.a'), file('.wh..wh..opq'), file('.wh.e'), file('new')]
    assert.deepEqual(await view(top(), 'overlay', parts), [...without('a', 'e'), 'new'].sort())
    assert.deepEqual(await view(top(), 'plain', parts), ['new'])
    for (const form of (['overlay', 'overlay-user', 'aufs'] as const).filter(fitsTmpfs)) {
      const { warnings } = await apply(join(top(), form, 'x'), [file('.wh..wh..opq')], { form })
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['ROOT_OPAQUE'],
      )
    }
  })

  it('a whiteout is no file: it cannot be linked to, or be what a path leads through', async () => {
    for (const form of ['overlay', 'aufs'] as const) {
      const link = [file('.wh.a'), hardlink('b', form === 'aufs' ? '.wh.a' : 'a')]
      assert.equal(await refusal(join(top(), form), link, { form }), 'ERR_ARCHIVE_LINK')
      // Somebody's way leads there: what was hidden is a directory of this layer then.
      assert.equal(await refusal(join(top(), `${form} 2`), [file('.wh.a'), file('a/b')], { form }), '')
    }
  })

  it('100,000 markers for one directory', async function () {
    this.timeout(60_000)
    const root = join(top(), 'many')
    mkdirSync(join(root, 'd'), { recursive: true })
    for (let i = 0; i < 2000; i++) writeFileSync(join(root, 'd', `lower${i}`), '')
    const marker = Buffer.concat(Array<Buffer>(1000).fill(file('d/.wh..wh..opq')))
    const parts = [directory('d'), ...Array.from({ length: 2000 }, (_, i) => file(`d/${i}`))]
    await apply(root, [...parts, ...Array<Buffer>(100).fill(marker)])
    assert.equal(readdirSync(join(root, 'd')).length, 2000)
  })
})

describeMounts('unpack: names that aufs keeps for itself', (top) => {
  const bad: readonly [string, Buffer, string][] = [
    ['.wh.', file('.wh.'), 'ERR_ARCHIVE_WHITEOUT'],
    ['.wh..', file('.wh..'), 'ERR_ARCHIVE_WHITEOUT'],
    ['.wh...', file('.wh...'), 'ERR_ARCHIVE_WHITEOUT'],
    ['etc/.wh...', file('etc/.wh...'), 'ERR_ARCHIVE_WHITEOUT'],
    ['another of them', file('.wh..wh.other'), 'ERR_ARCHIVE_WHITEOUT'],
    ['another of them, deeper', directory('d/.wh..wh.tmp'), 'ERR_ARCHIVE_WHITEOUT'],
    ['on the way', file('.wh.etc/file'), 'ERR_ARCHIVE_WHITEOUT'],
    ['the opaque marker on the way', file('.wh..wh..opq/file'), 'ERR_ARCHIVE_WHITEOUT'],
    ['a whiteout as directory', directory('.wh.x'), 'ERR_ARCHIVE_WHITEOUT'],
    ['a whiteout as symlink', symlink('.wh.x', '/'), 'ERR_ARCHIVE_WHITEOUT'],
    ['a whiteout as device', header({ name: '.wh.x', type: '3', major: 1 }), 'ERR_ARCHIVE_WHITEOUT'],
    ['a whiteout as a link to a file', hardlink('.wh.x', 'f'), 'ERR_ARCHIVE_WHITEOUT'],
    ['a whiteout with a body', file('.wh.x', 'body'), 'ERR_ARCHIVE_WHITEOUT'],
    ['an opaque marker with a body', file('.wh..wh..opq', 'body'), 'ERR_ARCHIVE_WHITEOUT'],
    ['device 0:0', header({ name: 'x', type: '3' }), 'ERR_ARCHIVE_WHITEOUT'],
    ['a link to a whiteout', hardlink('x', '.wh.f'), 'ERR_ARCHIVE_LINK'],
    ['by way of a link', Buffer.concat([symlink('l', '.wh.f/x'), file('l/y')]), 'ERR_ARCHIVE_PATH'],
    ['a device as pseudo-link', header({ name: '.wh..wh.plnk/1.1', type: '6' }), 'ERR_ARCHIVE_WHITEOUT'],
    ['a whiteout as pseudo-link', file('.wh..wh.plnk/.wh.x'), 'ERR_ARCHIVE_WHITEOUT'],
    ['a pseudo-link that never came', hardlink('x', '.wh..wh.plnk/9.9'), 'ERR_ARCHIVE_LINK'],
  ]
  for (const form of onTmpfs(forms)) {
    it(`${form}: refused, and nothing is removed`, async () => {
      for (const [title, part, code] of bad) {
        const root = join(top(), title.replaceAll('/', '_'))
        mkdirSync(root)
        writeFileSync(join(root, 'f'), '')
        assert.equal(await refusal(root, [part], { form }), code, title)
        assert.deepEqual(
          readdirSync(root).filter((name) => name === 'f'),
          ['f'],
          title,
        )
      }
    })
    it(`${form}: left out without a word`, async () => {
      const root = join(top(), 'layer')
      const parts = [
        file('.wh..wh.aufs', '', { mode: 0o444 }),
        directory('.wh..wh.orph'),
        file('.wh..wh.orph/.wh.5', 'body'),
        directory('.wh..wh.plnk'),
        directory('d'),
        file('d/.wh..wh.aufs', 'body'),
        file('f', 'x'),
      ]
      const { warnings } = await apply(root, parts, { form })
      assert.deepEqual(look(root), { d: 'directory 755', f: 'file 644 "x"' })
      assert.deepEqual(warnings, [])
    })
    it(`${form}: pseudo-links of old images become the hard links that they were`, async () => {
      const root = join(top(), 'layer')
      const parts = [
        directory('.wh..wh.plnk'),
        pax({ mtime: '5' }),
        file('.wh..wh.plnk/101.7', 'body', { mode: 0o600, uid: 4 }),
        file('.wh..wh.plnk/102.7', 'nobody links to it'),
        directory('d'),
        hardlink('d/one', '.wh..wh.plnk/101.7'),
        hardlink('two', './.wh..wh.plnk/101.7'),
      ]
      await apply(root, parts, { form })
      assert.deepEqual(look(root), {
        d: 'directory 755',
        'd/one': 'file 600 "body" 4:0 x2',
        two: 'file 600 "body" 4:0 x2',
      })
      // What is hidden below the root is not what the layer brings itself.
      const hiding = join(top(), 'hiding')
      const opaque = [
        file('.wh..wh.plnk/1.1', 'body'),
        file('.wh..wh..opq'),
        hardlink('one', '.wh..wh.plnk/1.1'),
      ]
      await apply(hiding, opaque, { form })
      assert.equal(look(hiding)['one'], 'file 644 "body"')
      assert.ok(!readdirSync(hiding).includes('.wh..wh.plnk'))
      const failed = join(top(), 'failed')
      assert.equal(
        await refusal(failed, [file('.wh..wh.plnk/1.1', 'x'), file('.wh.')], { form }),
        'ERR_ARCHIVE_WHITEOUT',
      )
      assert.deepEqual(readdirSync(failed), [])
    })
  }

  it('a whiteout of a name of full length, where the form can hold it', async () => {
    const name = 'n'.repeat(255)
    const parts = [pax({ path: `.wh.${name}` }), file('x')]
    await apply(join(top(), 'overlay'), parts, { form: 'overlay' })
    assert.deepEqual(look(join(top(), 'overlay')), { [name]: 'char 0,0 0' })
    mkdirSync(join(top(), 'plain'))
    writeFileSync(join(top(), 'plain', name), '')
    await apply(join(top(), 'plain'), parts)
    assert.deepEqual(readdirSync(join(top(), 'plain')), [])
    assert.equal(await refusal(join(top(), 'aufs'), parts, { form: 'aufs' }), 'ENAMETOOLONG')
  })
})
