// A GraphQL service on Node (graphql-http over `pg`): books with reviews, reviews with their author, authors with a friend.
//
// LAZY=1 asks for the reviews of each book and the author of each review one by one; otherwise each tick's keys are
// loaded by one statement (`dataloader`). DATABASE_URL says where the rows are.
const http = require("http");
const { buildSchema, GraphQLError } = require("graphql");
const { createHandler } = require("graphql-http/lib/use/http");
const DataLoader = require("dataloader");
const { Pool } = require("pg");

const lazy = process.env.LAZY === "1";
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 4 });
const rows = async (text, values) => (await pool.query(text, values)).rows;

const schema = buildSchema(`
  type Query { books(first: Int = 10): [Book!]!  book(id: Int!): Book  loan(id: Int!): String }
  type Mutation { rename(id: Int!, title: String!): Boolean! }
  type Book { id: Int!  title: String!  reviews: [Review!]! }
  type Review { id: Int!  text: String!  author: Author! }
  type Author { id: Int!  name: String!  friend: Author! }
`);

class Author {
  constructor(row) {
    Object.assign(this, { id: row.id, name: row.name, next: row.friend });
  }
  friend(_, context) {
    return context.author(this.next);
  }
}

class Review {
  constructor(row) {
    Object.assign(this, { id: row.id, text: row.text, writer: row.author });
  }
  author(_, context) {
    return context.author(this.writer);
  }
}

class Book {
  constructor(row) {
    Object.assign(this, row);
  }
  reviews(_, context) {
    return context.reviews(this.id);
  }
}

const root = {
  books: async ({ first }) => {
    const found = await rows("SELECT id, title FROM books ORDER BY id LIMIT $1", [first]);
    return found.map((row) => new Book(row));
  },
  book: async ({ id }) => {
    const [row] = await rows("SELECT id, title FROM books WHERE id = $1", [id]);
    return row ? new Book(row) : null;
  },
  loan: ({ id }) => {
    throw new GraphQLError(`book ${id} is lent out`, { extensions: { code: "LENT_OUT" } });
  },
  rename: async ({ id, title }) => {
    await pool.query("UPDATE books SET title = $2 WHERE id = $1", [id, title]);
    return true;
  },
};

function oneByOne() {
  return {
    reviews: async (book) => {
      const found = await rows("SELECT id, author, text FROM reviews WHERE book = $1 ORDER BY id", [book]);
      return found.map((row) => new Review(row));
    },
    author: async (id) => new Author((await rows("SELECT id, name, friend FROM authors WHERE id = $1", [id]))[0]),
  };
}

function loaded() {
  const reviews = new DataLoader(async (books) => {
    const found = await rows("SELECT id, book, author, text FROM reviews WHERE book = ANY($1) ORDER BY id", [books]);
    return books.map((book) => found.filter((row) => row.book === book).map((row) => new Review(row)));
  });
  const authors = new DataLoader(async (ids) => {
    const found = await rows("SELECT id, name, friend FROM authors WHERE id = ANY($1)", [ids]);
    const known = new Map(found.map((row) => [row.id, new Author(row)]));
    return ids.map((id) => known.get(id));
  });
  return { reviews: (book) => reviews.load(book), author: (id) => authors.load(id) };
}

const graphql = createHandler({ schema, rootValue: root, context: () => (lazy ? oneByOne() : loaded()) });
http
  .createServer((request, response) => {
    if (request.url === "/health") return response.writeHead(200).end();
    return graphql(request, response);
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
