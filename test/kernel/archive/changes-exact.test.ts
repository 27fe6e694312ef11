import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  copyTreeSync,
  mknodatSync,
  setxattrSync,
  utimensatSync,
} from 'graphdriver/sys'
import { describeAsRoot, list, stack } from './changes/cases.ts'

describeAsRoot('changes: two copies, exactly', (scratch) => {
  const old = { 'd/': '', 'd/f': 'content', g: 'content' }

  /** The copy of a tree, as a driver without a union makes it. */
  function copied(): { parent: string; layer: string; at: (name: string) => string } {
    const [parent] = stack(scratch(), 'plain', old) as [string]
    const layer = join(scratch(), 'copy')
    mkdirSync(layer)
    symlinkSync('target', join(parent, 'link'))
    mknodatSync(AT_FDCWD, join(parent, 'device'), 0o060600, 1, 2)
    linkSync(join(parent, 'g'), join(parent, 'h'))
    copyTreeSync(parent, layer)
    return { parent, layer, at: (name) => join(layer, name) }
  }

  const compared = ({ parent, layer }: { parent: string; layer: string }): Promise<string[]> =>
    list({ layers: [layer], parents: [parent], judge: 'exact' })
  const keepTime = (path: string, time = 1_500_000_000_123_456_789n): void => {
    utimensatSync(AT_FDCWD, path, time, time, AT_SYMLINK_NOFOLLOW)
  }

  it('a copy is the same, and so is a directory with another time', async () => {
    const tree = copied()
    utimensatSync(AT_FDCWD, tree.at('d'), 1n, 1n)
    assert.deepEqual(await compared(tree), [])
  })

  const edits: Record<string, (at: (name: string) => string) => void> = {
    mode: (at) => {
      chmodSync(at('d/f'), 0o4644)
    },
    owner: (at) => {
      chownSync(at('d/f'), 5, 0)
    },
    group: (at) => {
      chownSync(at('d/f'), 0, 5)
    },
    'time by a nanosecond': (at) => {
      keepTime(at('d/f'), 1_500_000_000_123_456_790n)
    },
    'time by whole seconds': (at) => {
      keepTime(at('d/f'), 1_500_000_001_123_456_789n)
    },
    size: (at) => {
      truncateSync(at('d/f'), 3)
      keepTime(at('d/f'))
    },
    'an attribute added': (at) => {
      setxattrSync(at('d/f'), 'user.note', Buffer.from('1'))
    },
    'a capability': (at) => {
      setxattrSync(
        at('d/f'),
        'security.capability',
        Buffer.from('0100000280000000000000000000000000000000', 'hex'),
      )
    },
  }
  for (const [title, edit] of Object.entries(edits)) {
    it(`a file differs by ${title}`, async () => {
      const tree = copied()
      edit(tree.at)
      assert.deepEqual(await compared(tree), ['modified /d/f'])
      assert.deepEqual(await compared({ parent: tree.layer, layer: tree.parent }), ['modified /d/f'])
    })
  }

  it('attributes differ by value, by name, and not by order or by what unions write', async () => {
    const tree = copied()
    const set = (base: string, name: string, value: string): void => {
      setxattrSync(join(base, 'd/f'), name, Buffer.from(value))
    }
    set(tree.layer, 'user.b', '1')
    set(tree.layer, 'user.a', '2')
    set(tree.parent, 'user.a', '2')
    set(tree.parent, 'user.b', '1')
    set(tree.layer, 'trusted.overlay.origin', 'x')
    assert.deepEqual(await compared(tree), [])
    set(tree.layer, 'user.b', '2')
    assert.deepEqual(await compared(tree), ['modified /d/f'])
    set(tree.layer, 'user.b', '1')
    set(tree.layer, 'trusted.a', '2')
    assert.deepEqual(await compared(tree), ['modified /d/f'])
  })

  it('links differ by target, owner and time; devices by number', async () => {
    const tree = copied()
    const relink = (target: string): void => {
      unlinkSync(tree.at('link'))
      symlinkSync(target, tree.at('link'))
    }
    for (const path of [tree.at('link'), join(tree.parent, 'link')]) keepTime(path)
    assert.deepEqual(await compared(tree), [])
    relink('tarGet')
    keepTime(tree.at('link'))
    assert.deepEqual(await compared(tree), ['modified /link'])
    relink('target')
    assert.deepEqual(await compared(tree), ['modified /link'])
    keepTime(tree.at('link'))
    assert.deepEqual(await compared(tree), [])
    for (const [major, minor] of [
      [1, 3],
      [2, 2],
    ] as const) {
      unlinkSync(tree.at('device'))
      mknodatSync(AT_FDCWD, tree.at('device'), 0o060600, major, minor)
      for (const path of [tree.at('device'), join(tree.parent, 'device')]) keepTime(path)
      assert.deepEqual(await compared(tree), ['modified /device'])
    }
  })

  it('how names are linked to each other is no change', async () => {
    const tree = copied()
    unlinkSync(tree.at('h'))
    writeFileSync(tree.at('h'), 'content')
    keepTime(tree.at('h'))
    assert.deepEqual(await compared(tree), [])
    linkSync(tree.at('d/f'), tree.at('d/new'))
    assert.deepEqual(await compared(tree), ['modified /d', 'added /d/new'])
  })

  it('a file written within the same tick of the clock as its original, and as long, differs by its contents', async () => {
    const [parent, layer] = [join(scratch(), 'parent'), join(scratch(), 'layer')]
    for (const directory of [parent, layer]) mkdirSync(directory)
    // Both are new, so that times say nothing; bigger than one read.
    const content = Buffer.alloc(300_000, 'x')
    for (const name of ['changed', 'same']) writeFileSync(join(parent, name), content)
    copyTreeSync(parent, layer)
    content[299_999] = 0x79
    writeFileSync(join(layer, 'changed'), content)
    const now = BigInt(Date.now()) * 1_000_000n + 1_000_000_000n
    for (const name of ['changed', 'same']) {
      for (const directory of [parent, layer]) keepTime(join(directory, name), now)
    }
    assert.deepEqual(await compared({ parent, layer }), ['modified /changed'])
    assert.deepEqual(await compared({ parent: layer, layer: parent }), ['modified /changed'])
    // Later copies of older files are not read.
    for (const directory of [parent, layer]) keepTime(join(directory, 'changed'))
    assert.deepEqual(await compared({ parent, layer }), [])
  })

  it('a copy that was made later than that tells by its time, whichever side it is on', async () => {
    const [parent, layer] = stack(scratch(), 'plain', {}, {}) as [string, string]
    writeFileSync(join(parent, 'f'), 'one')
    const { mtimeNs } = statSync(join(parent, 'f'), { bigint: true })
    await sleep(60)
    writeFileSync(join(layer, 'f'), 'two')
    keepTime(join(layer, 'f'), mtimeNs)
    assert.deepEqual(await compared({ parent, layer }), [])
    assert.deepEqual(await compared({ parent: layer, layer: parent }), [])
    keepTime(join(layer, 'f'), mtimeNs + 1n)
    assert.deepEqual(await compared({ parent, layer }), ['modified /f'])
  })

  it('times of whole seconds, as archives give them, say nothing: the contents tell', async () => {
    const [parent, layer] = stack(scratch(), 'plain', { f: 'one', g: 'one' }, { f: 'two', g: 'one' }) as [
      string,
      string,
    ]
    for (const directory of [parent, layer]) {
      for (const name of ['f', 'g']) keepTime(join(directory, name), 1_000_000_000n)
    }
    assert.deepEqual(await compared({ parent, layer }), ['modified /f'])
  })

  it('replaced, renamed, removed, added', async () => {
    const tree = copied()
    renameSync(tree.at('d/f'), tree.at('d/moved'))
    unlinkSync(tree.at('device'))
    mkdirSync(tree.at('device'))
    rmSync(tree.at('link'))
    writeFileSync(tree.at('new'), '')
    assert.deepEqual(await compared(tree), [
      'deleted /link',
      'modified /d',
      'deleted /d/f',
      'added /d/moved',
      'modified /device',
      'added /new',
    ])
  })

  it('sockets are left out of a copy, and so no change', async () => {
    const tree = copied()
    mknodatSync(AT_FDCWD, join(tree.parent, 'd/socket'), 0o140600)
    assert.deepEqual(await compared(tree), [])
  })

  it('nothing looks read', async () => {
    const tree = copied()
    for (const path of [tree.at('d'), tree.at('d/f'), tree.at('')]) utimensatSync(AT_FDCWD, path, 0n, 5n)
    chmodSync(tree.at('d'), 0o700)
    await compared(tree)
    for (const path of [tree.at('d'), tree.at('d/f'), tree.at('')])
      assert.equal(statSync(path).atimeMs, 0, path)
  })
})
