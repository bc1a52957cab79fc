package shopify

import (
	"github.com/goccy/go-json"
)

// What GraphQL answers to [OrderSelection]. As in a webhook's body every part may be absent or null.

// answerRoot is the body of an event of bellhop's own: an answer of the Admin API. Shopify's Events have the same form.
type answerRoot struct {
	Data struct {
		Order json.RawMessage `json:"order"`
		Shop  struct {
			Timezone string `json:"ianaTimezone"`
		} `json:"shop"`
	} `json:"data"`
	Variables struct {
		OrderID string `json:"orderId"`
	} `json:"query_variables"`
}

// orderNode is an order in GraphQL.
type orderNode struct {
	ID                string          `json:"id"`
	Name              string          `json:"name"`
	Number            int64           `json:"number"`
	CreatedAt         string          `json:"createdAt"`
	UpdatedAt         string          `json:"updatedAt"`
	ProcessedAt       string          `json:"processedAt"`
	CancelledAt       string          `json:"cancelledAt"`
	ClosedAt          string          `json:"closedAt"`
	CancelReason      string          `json:"cancelReason"`
	Test              bool            `json:"test"`
	Currency          string          `json:"currencyCode"`
	TaxesIncluded     bool            `json:"taxesIncluded"`
	FinancialStatus   string          `json:"displayFinancialStatus"`
	FullyPaid         *bool           `json:"fullyPaid"`
	Unpaid            bool            `json:"unpaid"`
	FulfillmentStatus string          `json:"displayFulfillmentStatus"`
	ReturnStatus      string          `json:"returnStatus"`
	Email             string          `json:"email"`
	Phone             string          `json:"phone"`
	Locale            string          `json:"customerLocale"`
	Note              string          `json:"note"`
	Tags              []string        `json:"tags"`
	PONumber          string          `json:"poNumber"`
	SourceName        string          `json:"sourceName"`
	Gateways          []string        `json:"paymentGatewayNames"`
	DiscountCodes     []string        `json:"discountCodes"`
	Attributes        []attributeNode `json:"customAttributes"`
	Customer          customerNode    `json:"customer"`
	Billing           *addressNode    `json:"billingAddress"`
	Shipping          *addressNode    `json:"shippingAddress"`

	Total        bagNode `json:"originalTotalPriceSet"`
	Subtotal     bagNode `json:"subtotalPriceSet"`
	Discounts    bagNode `json:"totalDiscountsSet"`
	ShippingSum  bagNode `json:"totalShippingPriceSet"`
	Tax          bagNode `json:"totalTaxSet"`
	Duties       bagNode `json:"originalTotalDutiesSet"`
	Fees         bagNode `json:"originalTotalAdditionalFeesSet"`
	Tips         bagNode `json:"totalTipReceivedSet"`
	NowTotal     bagNode `json:"currentTotalPriceSet"`
	NowSubtotal  bagNode `json:"currentSubtotalPriceSet"`
	NowDiscounts bagNode `json:"currentTotalDiscountsSet"`
	NowShipping  bagNode `json:"currentShippingPriceSet"`
	NowTax       bagNode `json:"currentTotalTaxSet"`
	NowDuties    bagNode `json:"currentTotalDutiesSet"`
	NowFees      bagNode `json:"currentTotalAdditionalFeesSet"`
	Outstanding  bagNode `json:"totalOutstandingSet"`
	Received     bagNode `json:"totalReceivedSet"`
	Refunded     bagNode `json:"totalRefundedSet"`

	TaxLines      []taxLineNode            `json:"taxLines"`
	Lines         connection[lineNode]     `json:"lineItems"`
	ShippingLines connection[shippingNode] `json:"shippingLines"`
	Fulfillments  []fulfillmentNode        `json:"fulfillments"`
	Refunds       []refundNode             `json:"refunds"`
}

// connection is a list in pages.
type connection[T any] struct {
	Nodes []T `json:"nodes"`
	Page  struct {
		More bool `json:"hasNextPage"`
	} `json:"pageInfo"`
}

type attributeNode struct {
	Key   text `json:"key"`
	Value text `json:"value"`
}

type customerNode struct {
	ID        string `json:"id"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	Email     struct {
		Address string `json:"emailAddress"`
	} `json:"defaultEmailAddress"`
	Phone struct {
		Number string `json:"phoneNumber"`
	} `json:"defaultPhoneNumber"`
}

type addressNode struct {
	Name         string `json:"name"`
	FirstName    string `json:"firstName"`
	LastName     string `json:"lastName"`
	Company      string `json:"company"`
	Address1     string `json:"address1"`
	Address2     string `json:"address2"`
	City         string `json:"city"`
	Zip          string `json:"zip"`
	Province     string `json:"province"`
	ProvinceCode string `json:"provinceCode"`
	Country      string `json:"country"`
	CountryCode  string `json:"countryCodeV2"`
	Phone        string `json:"phone"`
}

type bagNode struct {
	Shop        moneyNode `json:"shopMoney"`
	Presentment moneyNode `json:"presentmentMoney"`
}

type moneyNode struct {
	Amount   amount `json:"amount"`
	Currency string `json:"currencyCode"`
}

type taxLineNode struct {
	Title string  `json:"title"`
	Rate  amount  `json:"rate"`
	Price bagNode `json:"priceSet"`
}

type allocationNode struct {
	Amount      bagNode `json:"allocatedAmountSet"`
	Application struct {
		Code string `json:"code"` // "" where no code brought the discount
	} `json:"discountApplication"`
}

type lineNode struct {
	ID               string           `json:"id"`
	Title            string           `json:"title"`
	VariantTitle     string           `json:"variantTitle"`
	SKU              string           `json:"sku"`
	Vendor           string           `json:"vendor"`
	Quantity         int64            `json:"quantity"`
	Current          *int64           `json:"currentQuantity"`
	Unfulfilled      *int64           `json:"unfulfilledQuantity"`
	NonFulfillable   int64            `json:"nonFulfillableQuantity"`
	RequiresShipping bool             `json:"requiresShipping"`
	Taxable          bool             `json:"taxable"`
	GiftCard         bool             `json:"isGiftCard"`
	Price            bagNode          `json:"originalUnitPriceSet"`
	Attributes       []attributeNode  `json:"customAttributes"`
	Allocations      []allocationNode `json:"discountAllocations"`
	TaxLines         []taxLineNode    `json:"taxLines"`
	Group            groupNode        `json:"lineItemGroup"`
	Product          reference        `json:"product"`
}

type groupNode struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Quantity int64  `json:"quantity"`
}

type shippingNode struct {
	Title       string           `json:"title"`
	Code        string           `json:"code"`
	Removed     bool             `json:"isRemoved"`
	Price       bagNode          `json:"originalPriceSet"`
	Allocations []allocationNode `json:"discountAllocations"`
}

type itemNode struct {
	ID string `json:"id"`
}

type fulfillmentNode struct {
	ID            string `json:"id"`
	Status        string `json:"status"`
	DisplayStatus string `json:"displayStatus"`
	CreatedAt     string `json:"createdAt"`
	UpdatedAt     string `json:"updatedAt"`
	Tracking      []struct {
		Company string `json:"company"`
		Number  string `json:"number"`
		URL     string `json:"url"`
	} `json:"trackingInfo"`
	Lines connection[struct {
		Quantity int64    `json:"quantity"`
		Item     itemNode `json:"lineItem"`
	}] `json:"fulfillmentLineItems"`
}

type refundNode struct {
	ID          string `json:"id"`
	CreatedAt   string `json:"createdAt"`
	ProcessedAt string `json:"processedAt"`
	Note        string `json:"note"`
	Duties      []struct {
		Amount bagNode `json:"amountSet"`
	} `json:"duties"`
	Lines connection[struct {
		Quantity    int64    `json:"quantity"`
		RestockType string   `json:"restockType"`
		Item        itemNode `json:"lineItem"`
		Subtotal    bagNode  `json:"subtotalSet"`
		Tax         bagNode  `json:"totalTaxSet"`
	}] `json:"refundLineItems"`
	Shipping connection[struct {
		Subtotal bagNode `json:"subtotalAmountSet"`
		Tax      bagNode `json:"taxAmountSet"`
	}] `json:"refundShippingLines"`
	Adjustments connection[struct {
		Amount bagNode `json:"amountSet"`
		Tax    bagNode `json:"taxAmountSet"`
	}] `json:"orderAdjustments"`
	Transactions connection[struct {
		Kind   string  `json:"kind"`
		Status string  `json:"status"`
		Amount bagNode `json:"amountSet"`
	}] `json:"transactions"`
}
