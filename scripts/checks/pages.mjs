// The man page, docs/command.md and docs/errors.md say what the command says: all are made of lib/cli.
// `pages.mjs --update` writes them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { manPage } from '../pages/man.mjs'
import { commandPage, errorsPage } from '../pages/markdown.mjs'
import { root } from '../run.mjs'

const update = process.argv.includes('--update')
const built = (name) => import(join(root, 'dist/cli', name))

const { VERBS: verbs } = await built('verbs.js')
const { COMMON: common, EXIT_CODES: exitCodes } = await built('verb.js')
const { allExplained } = await built('explain.js')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

async function markdown(path, text) {
  return format(text, { ...(await resolveConfig(join(root, path))), filepath: path })
}

const cli = { verbs, common, exitCodes, version }
const pages = {
  'man/graphdriver.1': manPage(cli),
  'docs/command.md': await markdown('docs/command.md', commandPage(cli)),
  'docs/errors.md': await markdown('docs/errors.md', errorsPage(allExplained())),
}
const problems = []
for (const [path, wanted] of Object.entries(pages)) {
  const file = join(root, path)
  if (existsSync(file) && readFileSync(file, 'utf8') === wanted) continue
  if (update) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, wanted)
  } else problems.push(`${path} is not what lib/cli says: npm run pages`)
}
for (const problem of problems) console.error(problem)
console.log(`pages: ${Object.keys(pages).length} pages, ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)
