package shop

// SignQuery is for tests against the vectors of Shopify's libraries.
var SignQuery = signQuery
