import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AT_FDCWD, mknodatSync, setxattrSync, utimensatSync } from 'graphdriver/sys'
import { changes, diffSize } from '#lib/archive/changes.js'
import { describeAsRoot, list, stack, touched } from './changes/cases.ts'

describeAsRoot('changes: the layer of a union', (scratch) => {
  for (const form of ['aufs', 'overlay', 'overlay-user'] as const) {
    describe(form, () => {
      it('of a base layer everything is added, and whiteouts delete nothing', async () => {
        assert.deepEqual(
          await touched(scratch(), form, { 'etc/': '', 'etc/a': '1', gone: null, 'etc/!': null, z: '' }),
          ['added /etc', 'added /etc/a', 'added /z'],
        )
      })

      it('order: a directory, what was deleted in it, then its entries, by bytes and depth first', async () => {
        const base = { 'd/': '', 'd/z': '1', 'd/a': '1', 'd/e/': '', 'd/e/f': '1', 'd-': '1', '~': '1' }
        const top = {
          'd/': '',
          'd/z': null,
          'd/a': null,
          'd/e/': '',
          'd/e/f': '2',
          'd/e/g': '2',
          'd-': '2',
          '!': '2',
          '~': null,
        }
        assert.deepEqual(await touched(scratch(), form, top, base), [
          'deleted /~',
          'added /!',
          'modified /d',
          'deleted /d/a',
          'deleted /d/z',
          'modified /d/e',
          'modified /d/e/f',
          'added /d/e/g',
          'modified /d-',
        ])
      })

      it('a directory is modified by what is added or deleted in it, not by what is modified; the root never is', async () => {
        const base = { 'a/': '', 'a/f': '1', 'b/': '', 'c/': '', 'c/f': '1', f: '1' }
        const top = { 'a/': '', 'a/f': '2', 'b/': '', 'b/new': '1', 'c/': '', 'c/f': null, f: null, new: '1' }
        assert.deepEqual(await touched(scratch(), form, top, base), [
          'deleted /f',
          'modified /a/f',
          'modified /b',
          'added /b/new',
          'modified /c',
          'deleted /c/f',
          'added /new',
        ])
      })

      it('a directory of the layer that is as it was is no change; its mode, owner, attributes are; its times are not', async () => {
        const base = { 'mode/': '', 'owner/': '', 'group/': '', 'note/': '', 'same/': '', 'time/': '' }
        const [below] = stack(scratch(), form, base)
        const [top] = stack(scratch(), form, base)
        const at = (name: string): string => join(top!, name)
        chmodSync(at('mode'), 0o1755)
        chownSync(at('owner'), 7, 0)
        chownSync(at('group'), 0, 7)
        setxattrSync(at('note'), 'user.note', Buffer.from('1'))
        utimensatSync(AT_FDCWD, at('time'), 1n, 1n)
        for (const name of ['trusted.overlay.origin', 'user.overlay.impure', 'trusted.aufs.wbr']) {
          setxattrSync(at('same'), name, Buffer.from('x'))
        }
        chmodSync(top!, 0o700)
        const options = { layers: [top!, below!], parents: [below!], form }
        const wanted = ['group', 'mode', 'note', 'owner'].map((name) => `modified /${name}`)
        for (const judge of ['touched', 'exact'] as const)
          assert.deepEqual(await list({ ...options, judge }), wanted)
      })

      it('what changes its type is modified; all in a directory that was none is added', async () => {
        const base = { 'was-dir/': '', 'was-dir/a': '1', 'was-dir/b/': '', 'was-file': '1' }
        const top = { 'was-dir': '1', 'was-file/': '', 'was-file/sub/': '', 'was-file/sub/f': '1' }
        assert.deepEqual(await touched(scratch(), form, top, base), [
          'modified /was-dir',
          'modified /was-file',
          'added /was-file/sub',
          'added /was-file/sub/f',
        ])
      })

      it('a deletion is one path, whatever was below it', async () => {
        const base = { 'd/': '', 'd/a': '1', 'd/e/': '', 'd/e/f': '1' }
        assert.deepEqual(await touched(scratch(), form, { d: null }, base), ['deleted /d'])
      })

      it('a whiteout of what is not there deletes nothing, and its directory is as it was', async () => {
        const base = { 'd/': '', 'd/a': '1', x: '1' }
        const middle = { x: null, 'd/': '', 'd/a': null }
        assert.deepEqual(
          await touched(scratch(), form, { 'd/': '', 'd/never': null, 'd/a': null, x: null }, middle, base),
          [],
        )
      })

      it('a file that comes back after a layer between deleted it is added', async () => {
        const [base, middle] = [
          { 'd/': '', 'd/f': '1', g: '1' },
          { 'd/': '', 'd/f': null, g: null },
        ]
        assert.deepEqual(await touched(scratch(), form, { 'd/': '', 'd/f': '1', g: '2' }, middle, base), [
          'modified /d',
          'added /d/f',
          'added /g',
        ])
      })

      it('an opaque directory hides what is below, down to the last directory in it', async () => {
        const base = {
          'd/': '',
          'd/f': '1',
          'd/e/': '',
          'd/e/f': '1',
          'd/e/x/': '',
          'd/e/x/y': '1',
          'd/h/': '',
          'd/h/i': '1',
        }
        const top = { 'd/': '', 'd/!': null, 'd/f': '2', 'd/e/': '', 'd/e/n': '2', 'd/e/x/': '' }
        assert.deepEqual(await touched(scratch(), form, top, base), [
          'modified /d',
          'deleted /d/h',
          'modified /d/e',
          'deleted /d/e/f',
          'added /d/e/n',
          'modified /d/e/x',
          'deleted /d/e/x/y',
          'modified /d/f',
        ])
      })

      it('so does an opaque directory of a layer between', async () => {
        const base = { 'd/': '', 'd/f': '1', 'd/e/': '', 'd/e/g': '1' }
        const middle = { 'd/': '', 'd/!': null, 'd/e/': '' }
        assert.deepEqual(
          await touched(scratch(), form, { 'd/': '', 'd/f': '1', 'd/e/': '', 'd/e/g': '1' }, middle, base),
          ['modified /d', 'modified /d/e', 'added /d/e/g', 'added /d/f'],
        )
      })

      it('a file between two directories hides the lower one', async () => {
        const [base, middle] = [{ 'd/': '', 'd/old': '1' }, { d: '1' }]
        assert.deepEqual(await touched(scratch(), form, { 'd/': '', 'd/new': '1' }, middle, base), [
          'modified /d',
          'added /d/new',
        ])
        const upper = { 'd/': '', 'd/mine': '1' }
        assert.deepEqual(await touched(scratch(), form, { 'd/': '', 'd/old': '1' }, upper, middle, base), [
          'modified /d',
          'added /d/old',
        ])
      })

      it('a whiteout between two directories hides the lower one', async () => {
        const [base, middle, upper] = [{ 'd/': '', 'd/old': '1' }, { d: null }, { 'd/': '', 'd/f': '1' }]
        assert.deepEqual(
          await touched(scratch(), form, { 'd/': '', 'd/old': '1', 'd/f': null }, upper, middle, base),
          ['modified /d', 'deleted /d/f', 'added /d/old'],
        )
      })

      it('whiteout and entry of one name: the entry wins, and a directory is opaque', async () => {
        const base = { f: '1', 'd/': '', 'd/a': '1', 'd/e/': '', 'd/e/g': '1' }
        const top = { f: '22', 'd/': '', 'd/b': '2', 'd/e/': '' }
        const hiding = { ...top, ...(form === 'aufs' ? {} : { 'd/!': null }) }
        const directories = stack(scratch(), form, hiding, base)
        if (form === 'aufs')
          for (const name of ['f', 'd']) writeFileSync(join(directories[0]!, `.wh.${name}`), '')
        const wanted = [
          'modified /d',
          'deleted /d/a',
          'added /d/b',
          'modified /d/e',
          'deleted /d/e/g',
          'modified /f',
        ]
        const options = { layers: directories, parents: directories.slice(1), form } as const
        assert.deepEqual(await list({ ...options, judge: 'touched' }), wanted)
        assert.deepEqual(await list({ ...options, judge: 'exact' }), wanted)
      })

      it('sockets are not seen; one in a layer hides what is below', async () => {
        const directories = stack(scratch(), form, {}, { hidden: '1', f: '1' })
        for (const name of ['new', 'hidden']) mknodatSync(AT_FDCWD, join(directories[0]!, name), 0o140600)
        const options = { layers: directories, parents: directories.slice(1), form } as const
        for (const judge of ['touched', 'exact'] as const) {
          assert.deepEqual(await list({ ...options, judge }), ['deleted /hidden'])
        }
      })

      it('no link is followed, neither in the layer nor below', async () => {
        const outside = join(scratch(), 'outside')
        mkdirSync(outside)
        writeFileSync(join(outside, 'f'), '')
        const directories = stack(
          scratch(),
          form,
          { 'd/': '', 'd/f': '1', 'real/': '' },
          { 'real/': '', 'real/x': '1' },
        )
        symlinkSync(outside, join(directories[1]!, 'd'))
        symlinkSync(outside, join(directories[0]!, 'l'))
        const options = {
          layers: directories,
          parents: directories.slice(1),
          form,
          judge: 'touched',
        } as const
        assert.deepEqual(await list(options), ['modified /d', 'added /d/f', 'added /l'])
      })

      it('names that are no UTF-8 have their bytes, others have not', async () => {
        const found = await changes({
          layers: stack(scratch(), form, { '\xff\n': '1', '\xc3\xa9': '1', plain: '1' }),
          parents: [],
          form,
          judge: 'touched',
        })
        assert.deepEqual(found, [
          { path: '/plain', kind: 'added' },
          { path: '/é', kind: 'added' },
          { path: '/\ufffd\n', pathBytes: Buffer.from('/\xff\n', 'latin1'), kind: 'added' },
        ])
      })
    })
  }

  it('aufs: its own files are not seen, whatever they are', async () => {
    const [base, top] = stack(scratch(), 'aufs', { 'd/': '' }, { 'd/': '' }) as [string, string]
    for (const name of ['.wh.', '.wh..', '.wh...', '.wh..wh.dr.x', '.wh..wh.d.1a2b', 'd/.wh..wh.hino']) {
      writeFileSync(join(top, name), 'x')
    }
    mkdirSync(join(top, '.wh..wh.orph', 'deep'))
    assert.deepEqual(await list({ layers: [top], parents: [], form: 'aufs', judge: 'exact' }), ['added /d'])
    const options = { layers: [top, base], parents: [base], form: 'aufs', judge: 'touched' } as const
    assert.deepEqual(await list(options), [])
    assert.equal(await diffSize(options), 0)
  })

  it('overlay: a device 0:0 is a whiteout, another one is a device; an opaque root hides nothing', async () => {
    const [top, base] = stack(scratch(), 'overlay', {}, { f: '1', g: '1' }) as [string, string]
    mknodatSync(AT_FDCWD, join(top, 'f'), 0o020000, 0, 0)
    mknodatSync(AT_FDCWD, join(top, 'g'), 0o020000, 0, 1)
    setxattrSync(top, 'trusted.overlay.opaque', Buffer.from('y'))
    const options = { layers: [top, base], parents: [base], form: 'overlay', judge: 'touched' } as const
    assert.deepEqual(await list(options), ['deleted /f', 'modified /g'])
  })

  it('overlay: empty files with an attribute are whiteouts where the directory says so, and only there', async () => {
    const names = { 'd/marked': '', 'd/empty': '', 'd/full': '1' }
    const short = { 'd/': '', ...names }
    for (const opaque of ['x', 'z', 'xx', undefined]) {
      const [top, base] = stack(scratch(), 'overlay', short, short) as [string, string]
      for (const name of ['d/marked', 'd/full']) {
        setxattrSync(join(top, name), 'trusted.overlay.whiteout', Buffer.from('y'))
      }
      if (opaque !== undefined) setxattrSync(join(top, 'd'), 'trusted.overlay.opaque', Buffer.from(opaque))
      const options = { layers: [top, base], parents: [base], form: 'overlay', judge: 'touched' } as const
      const wanted =
        opaque === 'x'
          ? ['modified /d', 'deleted /d/marked', 'modified /d/empty', 'modified /d/full']
          : ['modified /d/empty', 'modified /d/full', 'modified /d/marked']
      assert.deepEqual(await list(options), wanted, opaque)
    }
  })

  it('plain: no name has a special meaning', async () => {
    const names = { '.wh.f': '', '.wh..wh..opq': '', '.wh..wh.plnk': '', f: '1' }
    const [top] = stack(scratch(), 'plain', names) as [string]
    mknodatSync(AT_FDCWD, join(top, 'whiteout'), 0o020000, 0, 0)
    const wanted = ['.wh..wh..opq', '.wh..wh.plnk', '.wh.f', 'f', 'whiteout'].map((name) => `added /${name}`)
    assert.deepEqual(await list({ layers: [top], parents: [], judge: 'exact' }), wanted)
  })
})
