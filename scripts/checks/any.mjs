// No `any` in the declarations that ship: it would switch the user's compiler off. `any.mjs [directory]` checks others.
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import ts from 'typescript'
import { root } from '../run.mjs'

const base = resolve(process.argv[2] ?? join(root, 'dist'))
const files = readdirSync(base, { recursive: true }).filter((name) => name.endsWith('.d.ts'))
const problems = []

function search(node, file) {
  if (node.kind === ts.SyntaxKind.AnyKeyword) {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file))
    problems.push(`${file.fileName}:${line + 1}: any`)
  }
  ts.forEachChild(node, (child) => search(child, file))
}

for (const name of files) {
  const text = readFileSync(join(base, name), 'utf8')
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest)
  search(file, file)
}
for (const problem of problems) console.error(problem)
console.log(`any: ${files.length} declarations, ${problems.length} problems`)
process.exit(problems.length === 0 && files.length > 0 ? 0 : 1)
